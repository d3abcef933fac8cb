import { faults, type Host, httpJson, Load, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { client, network, on, published, removeNetworks } from './askers.ts';
import {
  cluster,
  containersOn,
  create,
  docker,
  removeServices,
  running,
  tasksOf,
  webSpec,
} from './shared.ts';

beforeAll(() => network('ward'));
afterAll(async () => {
  await removeServices();
  await removeNetworks();
});
afterEach(async () => {
  await faults.healAll(cluster);
  await cluster.waitReady();
  await removeServices();
});

const checked = { Healthcheck: { Test: ['CMD', '/app/health'], Interval: 1e9, Retries: 1, Timeout: 20e9 } };
const [h1, h2, h3] = cluster.hosts;

interface Replica {
  readonly id: string;
  /** As it names itself in its answers. */
  readonly name: string;
  readonly address: string;
}

async function replicaOn(host: Host, service: string, networkName: string): Promise<Replica> {
  const [found] = await containersOn(host, service);
  if (!found) throw new Error(`no replica of ${service} runs on ${host.name}`);
  const { Networks } = found.NetworkSettings;
  const address = Object.entries(Networks).find(([name]) => name.includes(networkName))?.[1].IPAddress ?? '';
  return { id: found.Id, name: found.Id.slice(0, 12), address };
}

const turnUnhealthy = (host: Host, { id }: Replica) =>
  host.exec([
    'docker',
    'exec',
    id,
    'node',
    '-e',
    "fetch('http://127.0.0.1:8080/unhealthy', { method: 'POST' }).then((answer) => process.exit(answer.ok ? 0 : 1))",
  ]);

describe('a replica that turns unhealthy', () => {
  it('is taken out of every host before it is stopped: no request is lost', async () => {
    await create(webSpec('web', { replicas: 3, container: checked, ...published(18_085) }));
    await running('web', 3);
    for (const { ip } of cluster.hosts)
      await until('it answers', () => httpJson(`http://${ip}:18085/`), { timeoutMs: 10_000 });
    let turn = 0;
    const load = Load.start({
      target: () => `http://${cluster.hosts[turn++ % 3]?.ip}:18085/`,
      concurrency: 4,
      ratePerSecond: 150,
      timeoutMs: 5_000,
      maxMs: 120_000,
    });
    for (const [count, host] of cluster.hosts.entries()) {
      await turnUnhealthy(host, await replicaOn(host, 'web', ''));
      await until(
        `${count + 1} tasks failed as unhealthy`,
        async (seen) => {
          const failed = (await tasksOf('web')).filter(({ Status }) => Status.State === 'failed');
          seen(failed.map(({ Status }) => Status.Err));
          return (
            failed.filter(({ Status }) => Status.Err?.startsWith('task: unhealthy container')).length > count
          );
        },
        { timeoutMs: 30_000 },
      );
      await running('web', 3);
    }
    const { ok, failed, failures } = await load.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
    expect(ok).toBeGreaterThan(500);
  });

  it('gets no traffic from its own host, even while the manager is gone', async () => {
    await create(webSpec('web', { replicas: 3, task: on('ward'), container: checked }));
    await running('web', 3);
    const asker = await client('asker', 'h2', 'ward');
    const ask = async (count: number) =>
      new Set((await asker.ask('http://web:8080/', count)).map(({ name }) => name));
    await until('all three answer', async () => (await ask(20)).size === 3, { timeoutMs: 20_000 });
    const victim = await replicaOn(h2, 'web', 'ward');
    expect(await asker.lookup('tasks.web')).toContain(victim.address);
    await faults.killProcess(h1, 'manager', { hold: true });
    await turnUnhealthy(h2, victim);
    await until(
      'the rules of its host do not name it',
      async () => {
        const words = (await h2.sh('nft list map ip shoal backends')).split(/[\s,]+/);
        return !words.includes(victim.address);
      },
      { timeoutMs: 20_000 },
    );
    expect(await asker.lookup('tasks.web')).not.toContain(victim.address);
    const answered = await ask(40);
    expect(answered).not.toContain(victim.name);
    expect(answered.size).toBe(2);
    await faults.resume(h1, 'manager');
    await cluster.waitReady();
    await running('web', 3);
    await until('all three answer again', async () => (await ask(20)).size === 3, { timeoutMs: 20_000 });
  });
});

describe('a host that is cut off', () => {
  it('takes no connection with it that it has not answered: a later attempt is answered by others', async () => {
    await create(webSpec('web', { replicas: 3, container: checked, ...published(18_085) }));
    await running('web', 3);
    const victim = (await containersOn(h3, 'web')).length > 0 ? h3 : h2;
    await until('it answers', () => httpJson(`http://${h1.ip}:18085/`), { timeoutMs: 10_000 });
    const began = performance.now();
    const load = Load.start({
      target: () => `http://${h1.ip}:18085/`,
      concurrency: 60,
      ratePerSecond: 50,
      // TCP tries again after a second, and then every second or more.
      timeoutMs: 14_000,
      maxMs: 30_000,
    });
    await until('it runs', () => load.answered > 50, { timeoutMs: 10_000 });
    await faults.cut(victim);
    const cutAt = performance.now() - began;
    await until(
      'it is down',
      async () => (await docker.getNode(victim.name).inspect()).Status.State === 'down',
      {
        timeoutMs: 15_000,
      },
    );
    const { failed, failures, maxMs } = await load.stop();
    expect(failures.filter(({ atMs }) => atMs > cutAt)).toEqual([]);
    // Connections that were open at that moment are lost.
    expect(failed).toBeLessThanOrEqual(3);
    // Some were on their way there.
    expect(maxMs).toBeGreaterThan(900);
  });
});

describe('a container that stops', () => {
  it('leaves its Docker daemon no closed connection to delete: another may have taken its place', async () => {
    const onH1 = { Placement: { Constraints: ['node.hostname==h1'] } };
    await create(webSpec('web', { task: { ...on('ward'), ...onH1 }, ...published(18_085) }));
    const asker = await client('asker', 'h1', 'ward');
    await running('web', 1);
    await until('it answers', () => httpJson(`http://${h1.ip}:18085/`), { timeoutMs: 10_000 });
    const events = '/tmp/flows-deleted';
    // Before the connections: the kernel tells of none that was made while nobody listened.
    const watch = await h1.sh(
      `timeout 60 stdbuf -oL conntrack -E -e DESTROY -p tcp -b 1048576 > ${events} 2> ${events}.log & echo $!
       for try in $(seq 50); do grep -q size ${events}.log && break; sleep 0.1; done`,
    );
    try {
      await asker.ask('http://web:8080/', 20);
      for (let count = 0; count < 20; count++) await httpJson(`http://${h1.ip}:18085/`);
      await removeServices('web');
      const deleted = (await h1.sh(`cat ${events}`)).split('\n').filter((line) => /port=8080 /.test(line));
      expect(deleted.filter((line) => line.includes('progname=dockerd'))).toEqual([]);
      // By the agent's conntrack, though its name is seldom said: it ends too soon.
      expect(deleted.length).toBeGreaterThanOrEqual(40);
    } finally {
      await h1.sh(`kill ${watch.trim()} || true; rm -f ${events} ${events}.log`);
    }
  });
});
