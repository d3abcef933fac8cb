import { faults, type Host, http, httpJson, Load, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { client, network, on, published, removeNetworks } from './askers.ts';
import { cluster, create, docker, removeServices, running, webSpec } from './shared.ts';

beforeAll(() => network('shop'));
afterAll(async () => {
  await removeServices();
  await removeNetworks();
});
afterEach(() => removeServices());

describe('self-repair', () => {
  it('brings rules, routes and devices back within seconds; an agent that dies takes no connection with it', async () => {
    await create(webSpec('web', { replicas: 3, task: on('shop'), ...published(18084) }));
    await running('web', 3);
    const asker = await client('asker', 'h1', 'shop');
    const works = async () => {
      await asker.ask('http://web:8080/', 6);
      for (const host of cluster.hosts)
        if ((await http(`http://${host.ip}:18084/`)).status !== 200) return false;
      return true;
    };
    await until('all works', works, { timeoutMs: 20_000 });
    const h1 = cluster.host('h1');
    for (const damage of ['nft delete table ip shoal', 'ip link del sh.vx', 'ip route flush dev sh.vx']) {
      await h1.sh(damage);
      await until(`all works after ${damage}`, works, { timeoutMs: 30_000 });
    }
    const load = Load.start({
      target: () => `http://${h1.ip}:18084/`,
      concurrency: 2,
      ratePerSecond: 100,
      maxMs: 20_000,
    });
    await h1.sh('kill -9 "$(cat /run/shoal/agent.pid)"');
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    const { failed, failures } = await load.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
  });

  it('makes Docker networks of others anew that are not what this daemon needs, once nothing is on them', async () => {
    const h3 = cluster.host('h3');
    const own = (await h3.docker().listNetworks()).find(({ Name }) => Name.startsWith('shoal.0.ingress.'));
    const { Name = '', Options = {}, Labels = {}, IPAM } = own ?? {};
    const masquerade = 'com.docker.network.bridge.enable_ip_masquerade';
    // As one comes to be that the agent has not made: behind its back.
    await faults.freeze(h3, 'agent');
    await h3.docker().getNetwork(Name).remove();
    await h3
      .docker()
      .createNetwork({ Name, Options: { ...Options, [masquerade]: 'true' }, Labels, IPAM: IPAM as never });
    const stranger = await h3.docker().createContainer({
      Image: cluster.image('web:1'),
      HostConfig: { NetworkMode: Name },
    });
    await stranger.start();
    await faults.thaw(h3, 'agent');
    const found = () => h3.docker().getNetwork(Name).inspect();
    const saidOf = async (host: string) => {
      const { checks } = await httpJson<{ checks: { from: string; check: string; says: string }[] }>(
        `${cluster.apiUrl}/shoal/v1/doctor/networks`,
        { timeoutMs: 15_000 },
      );
      return checks.find(({ from, check }) => from === host && check === 'agent')?.says ?? '';
    };
    await until(
      'the doctor says what is wrong with it',
      async (seen) => {
        const says = await saidOf('h3');
        seen(says);
        return says.includes(`${Name} has ${masquerade}=true instead of false`) && says.includes('drain');
      },
      { timeoutMs: 60_000 },
    );
    expect((await found()).Options?.[masquerade]).toBe('true');
    await stranger.remove({ force: true });
    await until('it is made anew', async () => (await found()).Options?.[masquerade] === 'false', {
      timeoutMs: 60_000,
    });
    await until('all is well', async () => (await saidOf('h3')) === 'the agent of h3 is well', {
      timeoutMs: 60_000,
    });
  });

  it('is said of what others changed, and of nothing else', async () => {
    const said = async (host: Host) => {
      const log = await host.log('agent', 20_000);
      return log.split('\n').filter((line) => line.includes('someone changed the data path'));
    };
    const before = await Promise.all(cluster.hosts.map(async (host) => (await said(host)).length));
    await network('fresh', { Options: { encrypted: '' } });
    await create(webSpec('web', { replicas: 3, task: on('fresh'), ...published(18_086) }));
    await running('web', 3);
    for (const Replicas of [6, 1, 3]) {
      const { ID, Version, Spec } = await docker.getService('web').inspect();
      await docker
        .getService(ID)
        .update({ ...Spec, Mode: { Replicated: { Replicas } }, version: Version.Index });
      await running('web', Replicas);
    }
    await removeServices();
    for (const host of cluster.hosts) await host.sh('nft flush chain ip shoal arriving');
    for (const [index, host] of cluster.hosts.entries()) {
      const lines = await until(
        `${host.name} says that it repaired its rules`,
        async () => {
          const all = (await said(host)).slice(before[index]);
          return all.some((line) => line.includes('arriving')) && all;
        },
        { timeoutMs: 20_000 },
      );
      expect(lines.map((line) => JSON.parse(line).table)).toEqual([['fill-chain arriving']]);
    }
  });
});
