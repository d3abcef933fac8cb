import { type Host, http, httpJson, until } from '@shoal/testbed';
import { afterEach, expect, it } from 'vitest';
import { published } from './askers.ts';
import { cluster, create, docker, nodeNamed, removeServices, running, webSpec } from './shared.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await removeServices();
  for (const stop of stops.splice(0)) await stop();
});

const [h1, h2, h3] = cluster.hosts;

/** A server on the host itself, which answers `own`. Returns its process id, and what ends it. */
async function listen(host: Host, port: number): Promise<{ pid: number; end: () => Promise<unknown> }> {
  const server = `require('node:http').createServer((_, to) => to.end('own')).listen(${port}).keepAliveTimeout = 1`;
  const started = await host.sh(`setsid node -e "${server}" > /dev/null 2>&1 < /dev/null & echo $!`);
  const pid = Number(started);
  const end = () => host.sh(`kill ${pid} 2> /dev/null || true`);
  stops.push(end);
  return { pid, end };
}

interface Listeners {
  listeners: { protocol: string; port: number; process?: string; pid?: number; keeps?: string }[];
}

const listenerOn = async (host: string, port: number) => {
  const found = await httpJson<Listeners>(`${cluster.apiUrl}/shoal/v1/nodes/${host}/listeners`);
  return found.listeners.find((each) => each.protocol === 'tcp' && each.port === port);
};

const known = (host: string, port: number) =>
  until(`port ${port} of ${host} is known to be in use`, () => listenerOn(host, port), { timeoutMs: 20_000 });

const answer = async (host: Host, port: number) =>
  (await http(`http://${host.ip}:${port}/`)).body.trim() === 'own' ? 'the host' : 'the service';

const answers = (who: string, host: Host, port: number) =>
  until(`${who} answers on ${host.name}`, async () => (await answer(host, port)) === who, {
    timeoutMs: 20_000,
  });

it('a port that a host listens on can not be published, nor is it given out', async () => {
  const { pid } = await listen(h2, 18_320);
  await listen(h2, 30_000);
  await known('h2', 18_320);
  await known('h2', 30_000);
  await expect(create(webSpec('web', published(18_320)))).rejects.toThrow(
    `port '18320' (tcp) is already in use on h2 by "node" (pid ${pid})`,
  );
  await create(webSpec('web', { replicas: 0, EndpointSpec: { Ports: [{ TargetPort: 8080 }] } }));
  const { ID, Version, Spec, Endpoint } = await docker.getService('web').inspect();
  expect(Endpoint.Ports[0].PublishedPort).toBeGreaterThan(30_000);
  await expect(
    docker.getService(ID).update({ ...Spec, ...published(18_320), version: Version.Index }),
  ).rejects.toThrow(/port '18320'/);
  expect(await answer(h2, 18_320)).toBe('the host');
});

it('what listens later keeps its port on its host, which says so, until it ends', async () => {
  await create(webSpec('web', { ...published(18_321) }));
  await running('web', 1);
  for (const host of cluster.hosts) await answers('the service', host, 18_321);
  const { pid, end } = await listen(h2, 18_321);
  await answers('the host', h2, 18_321);
  for (const host of [h1, h3]) expect(await answer(host, 18_321)).toBe('the service');

  await known('h2', 18_321);
  const { Status } = await docker.getNode((await nodeNamed('h2')).ID).inspect();
  expect(Status.Message).toBe(
    `port 18321/tcp of service web is not served by this host: "node" (pid ${pid}) listens on it`,
  );
  const says = `port 18321/tcp is not served by host h2: "node" (pid ${pid}) listens on it`;
  const { ports } = await httpJson<{ ports: { notServedBy: { says: string }[] }[] }>(
    `${cluster.apiUrl}/shoal/v1/services/web/ports`,
  );
  expect(ports[0]?.notServedBy.map((each) => each.says)).toEqual([says]);
  const { ID, Version, Spec } = await docker.getService('web').inspect();
  expect(await docker.getService(ID).update({ ...Spec, version: Version.Index })).toEqual({
    Warnings: [says],
  });

  const joined = async () => (await h2.log('agent', 20_000)).split('connected to the manager').length;
  const before = await joined();
  await h2.sh('kill -9 "$(cat /run/shoal/agent.pid)"');
  const heard = new Set<string>();
  const isBack = async () => {
    heard.add(await answer(h2, 18_321));
    return (await joined()) > before;
  };
  await until('another agent has joined', isBack, { timeoutMs: 20_000 });
  expect([...heard]).toEqual(['the host']);

  await end();
  await answers('the service', h2, 18_321);
  await until(
    'nothing is said of it any more',
    async () => !(await docker.getNode((await nodeNamed('h2')).ID).inspect()).Status.Message,
    { timeoutMs: 20_000 },
  );
});

it('a task with a port of its host goes where nothing listens, and does not count itself', async () => {
  for (const host of [h1, h2]) await listen(host, 18_322);
  await known('h1', 18_322);
  await known('h2', 18_322);
  const Ports = [{ TargetPort: 8080, PublishedPort: 18_322, PublishMode: 'host' }];
  await create(webSpec('web', { EndpointSpec: { Ports } }));
  const [task] = await running('web', 1);
  expect(task?.NodeID).toBe((await nodeNamed('h3')).ID);
  await answers('the service', h3, 18_322);
  // Long enough for Docker's process to be seen.
  await h2.sh('sleep 5');
  expect(await listenerOn('h3', 18_322)).toBeUndefined();
});

it('a task on the network of its host keeps its port, too, and its service is named', async () => {
  const { Id } = await docker.getNetwork('host').inspect();
  await create(
    webSpec('hosted', {
      container: { Env: ['PORT=18323'] },
      task: { Networks: [{ Target: Id }], Placement: { Constraints: ['node.hostname==h3'] } },
    }),
  );
  await running('hosted', 1);
  await known('h3', 18_323);
  await expect(create(webSpec('rival', published(18_323)))).rejects.toThrow(
    / on h3 by "\w+" \(pid \d+\) of service hosted:/,
  );
});
