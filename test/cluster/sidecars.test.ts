import { type TaskView, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cluster, containersOn, create, docker, live, removeServices, tasksOf, webSpec } from './shared.ts';

/** Where the sidecar's own server listens, in the network that it shares. */
const sidePort = 18_091;
let network = '';

beforeAll(async () => {
  ({ id: network } = await docker.createNetwork({ Name: 'shared', Driver: 'overlay' }));
});
afterAll(async () => {
  await removeServices();
  await docker.getNetwork(network).remove();
});
afterEach(() => removeServices());

const web = (replicas: number) =>
  create(webSpec('web', { replicas, task: { Networks: [{ Target: network }] } }));

const side = (replicas: number, of = 'web', more: object = {}) =>
  create(
    webSpec('side', {
      replicas,
      Labels: { 'shoal.network': `service:${of}` },
      container: { Env: [`PORT=${sidePort}`] },
      ...more,
    }),
  );

async function scale(name: string, Replicas: number): Promise<void> {
  const { ID, Version, Spec } = await docker.getService(name).inspect();
  await docker.getService(ID).update({ ...Spec, Mode: { Replicated: { Replicas } }, version: Version.Index });
}

interface Member {
  host: string;
  id: string;
  task: string;
  mode: string;
}

/** Running containers of a service, as the hosts' own daemons have them. */
async function members(service: string): Promise<Member[]> {
  const perHost = cluster.hosts.map(async (host) =>
    (await containersOn(host, service)).map(({ Id, Names, Labels, HostConfig }) => ({
      host: host.name,
      id: Id,
      name: Names[0]?.slice(1) ?? '',
      task: Labels['com.docker.swarm.task.id'] ?? '',
      mode: HostConfig.NetworkMode,
    })),
  );
  return (await Promise.all(perHost)).flat();
}

/** Waits until `count` sidecars run, each in the network of a running task of `web` on its own host. */
const together = (count: number, mates: number) =>
  until(
    `${count} sidecars run in the networks of ${mates} tasks`,
    async (seen) => {
      const [sides, webs] = await Promise.all([members('side'), members('web')]);
      const pairs = sides.map((one) => ({
        side: one,
        web: webs.find(({ id, host }) => host === one.host && one.mode === `container:${id}`),
      }));
      const tasks = live(await tasksOf('side'));
      seen({ webs, sides, tasks: tasks.map(({ Status }) => `${Status.State} ${Status.Err ?? ''}`) });
      const allRun = tasks.length === count && tasks.every(({ Status }) => Status.State === 'running');
      const isDone =
        allRun && sides.length === count && webs.length === mates && pairs.every((pair) => pair.web);
      return isDone ? pairs : undefined;
    },
    { timeoutMs: 60_000, everyMs: 250 },
  );

const inside = ({ host, id }: Member, ...command: string[]): Promise<string> =>
  cluster.host(host).exec(['docker', 'exec', id, ...command], { timeoutMs: 20_000 });

/** Its own addresses, and who answers at a URL asked from there. */
const addresses = (of: Member): Promise<string> => inside(of, 'hostname', '-I');
const ask = async (of: Member, url: string): Promise<string> => {
  const script = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(3000) }).then((a) => a.text()).then(console.log)`;
  return (JSON.parse(await inside(of, 'node', '-e', script)) as { name: string }).name;
};

const waiting = (count: number, reason: RegExp): Promise<TaskView[]> =>
  until(
    `${count} tasks of side wait`,
    async (seen) => {
      const tasks = live(await tasksOf('side'));
      seen(tasks.map(({ Status }) => `${Status.State} ${Status.Err ?? ''}`));
      const wait = tasks.filter(({ Status }) => Status.State === 'pending' && reason.test(Status.Err ?? ''));
      return tasks.length === count && wait.length === count ? tasks : undefined;
    },
    { timeoutMs: 60_000 },
  );

describe('shoal.network=service:NAME', () => {
  it('puts each task into the network of its mate, and starts it anew with the next one', async () => {
    await web(3);
    await side(3);
    const pairs = await together(3, 3);
    expect(new Set(pairs.map((pair) => pair.web?.id)).size).toBe(3);
    for (const pair of pairs) {
      const mate = pair.web as Member;
      expect(await addresses(pair.side)).toBe(await addresses(mate));
      // Both ways over localhost, and names of the cluster as the mate knows them.
      await until('its mate answers', () => ask(pair.side, 'http://127.0.0.1:8080/'), { timeoutMs: 10_000 });
      await until('it answers', () => ask(mate, `http://127.0.0.1:${sidePort}/`), { timeoutMs: 10_000 });
      await until('it finds services', () => ask(pair.side, 'http://web:8080/'), { timeoutMs: 10_000 });
    }

    const lost = pairs[0]?.web as Member;
    await cluster.host(lost.host).docker().getContainer(lost.id).kill();
    await until(
      'both are replaced',
      async () => {
        const now = [...(await members('side')), ...(await members('web'))].map(({ id }) => id);
        return !now.includes(lost.id) && !now.includes(pairs[0]?.side.id ?? '');
      },
      { timeoutMs: 30_000 },
    );
    const again = await together(3, 3);
    const kept = again.filter(({ side }) => pairs.some((before) => before.side.id === side.id));
    expect(kept).toHaveLength(2);
  });

  it('follows when either service is scaled or updated', async () => {
    await web(2);
    // It listens nowhere: several of them may share one network.
    await side(2, 'web', { container: { Command: ['sleep', '1000'] } });
    await together(2, 2);
    await scale('web', 3);
    await scale('side', 4);
    const more = await together(4, 3);
    expect(new Set(more.map((pair) => pair.web?.id)).size).toBe(3);
    await scale('web', 1);
    await together(4, 1);
    await scale('side', 1);
    await together(1, 1);

    const { ID, Version, Spec } = await docker.getService('web').inspect();
    const before = await members('web');
    await docker.getService(ID).update({
      ...Spec,
      TaskTemplate: {
        ...Spec.TaskTemplate,
        ContainerSpec: { ...Spec.TaskTemplate.ContainerSpec, Env: ['VERSION=2'] },
      },
      version: Version.Index,
    });
    await until(
      'web is updated',
      async () => {
        const now = await members('web');
        return now.length === 1 && now.every(({ id }) => id !== before[0]?.id);
      },
      { timeoutMs: 30_000 },
    );
    await together(1, 1);
  });

  it('waits, and says for what, while there is no task to join', async () => {
    await side(2, 'wbe');
    await waiting(2, /no running task of service wbe, whose network it shares/);
    await removeServices('side');
    await web(2);
    await side(2);
    await together(2, 2);
    await docker.getService('web').remove();
    await waiting(2, /no running task of service web, whose network it shares/);
    await until('no sidecar runs', async () => (await members('side')).length === 0, {
      timeoutMs: 30_000,
    });
    await web(2);
    await together(2, 2);
  });

  it('refuses what such a service can not have', async () => {
    const own = { task: { Networks: [{ Target: network }] } };
    await expect(side(1, 'web', own)).rejects.toThrow(/networks of its own/);
    await expect(side(1, 'side')).rejects.toThrow(/its own network/);
    const ports = { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 18_092 }] } };
    await expect(side(1, 'web', ports)).rejects.toThrow(/publish the ports on service web/);
  });
});
