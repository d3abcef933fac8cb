import { type Host, http, Load, until } from '@shoal/testbed';
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
