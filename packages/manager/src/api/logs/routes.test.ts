import { get, type IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../../eventually.fixture.ts';
import { QueryError } from '../../query-error.ts';
import { aNode, aService, aTask } from '../../testing.ts';
import { anApi, anApp, served } from '../testing.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const stamp = (second: number) => `2026-01-01T00:00:0${second}.000000000Z`;
/** A line as a daemon sends it. */
function line(second: number, text: string, stream = 1): Buffer {
  const payload = Buffer.from(`${stamp(second)} ${text}\n`);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}
/** A task whose container is named as itself. */
const logged = (id: string, NodeID: string, change = {}) =>
  aTask(id, {
    ServiceID: 'web',
    NodeID,
    Status: {
      Timestamp: '',
      State: 'running',
      container: { ContainerID: `c-${id}`, PID: 1, ExitCode: 0 },
    },
    ...change,
  });

interface Asked {
  readonly nodeId: string;
  readonly path: string;
  readonly signal: AbortSignal;
  readonly body: PassThrough;
}

/** A cluster of hosts h1, h2; `answer` is what the daemon of a host says about a container: its body, or why not. */
async function aCluster(
  answer: (asked: Asked) => Buffer[] | 'open' | Error | { status: number; body: string },
) {
  const { store } = await anApi((tx) => {
    for (const id of ['h1', 'h2']) tx.nodes.create(aNode(id));
    tx.services.create(aService('web'));
    tx.tasks.create(logged('t1', 'h1'));
    tx.tasks.create(logged('t2', 'h2', { Slot: 2 }));
  });
  const asked: Asked[] = [];
  const app = await anApp(store, undefined, async (nodeId, { path }, _withinMs, signal) => {
    const body = new PassThrough();
    signal.addEventListener('abort', () => body.destroy());
    asked.push({ nodeId, path, signal, body });
    const said = answer({ nodeId, path, signal, body });
    if (said instanceof Error) throw said;
    // What is written to it comes back, so the request's own end is not that of the answer.
    const stream = Object.assign(body, { end: () => body });
    const finish = (chunks: Buffer[]) => {
      for (const chunk of chunks) body.write(chunk);
      body.push(null);
    };
    if (Array.isArray(said)) queueMicrotask(() => finish(said));
    else if (said !== 'open') queueMicrotask(() => finish([Buffer.from(said.body)]));
    return { head: { status: typeof said === 'object' && 'status' in said ? said.status : 200 }, stream };
  });
  const { url, close } = await served(app);
  closers.push(close);
  const open = (path: string) =>
    new Promise<IncomingMessage>((resolve, reject) => get(url + path, resolve).on('error', reject));
  const read = async (path: string) => frames(Buffer.concat(await (await open(path)).toArray()));
  return { store, app, asked, open, read };
}

/** `1 text` a frame. */
function frames(bytes: Buffer): string[] {
  const all: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    all.push(
      `${bytes[at]} ${bytes
        .subarray(at + 8, end)
        .toString()
        .trimEnd()}`,
    );
    at = end;
  }
  return all;
}

const both = 'stdout=1&stderr=1';
const ids = (task: string, node: string) =>
  `com.docker.swarm.node.id=${node},com.docker.swarm.service.id=web,com.docker.swarm.task.id=${task}`;

it('merges the lines of all tasks by time', async () => {
  const { read, asked } = await aCluster(({ nodeId }) =>
    nodeId === 'h1' ? [line(1, 'a'), line(4, 'd', 2)] : [line(2, 'b'), line(3, 'c')],
  );
  expect(await read(`/services/web/logs?${both}&tail=7&since=5.25`)).toEqual(['1 a', '1 b', '1 c', '2 d']);
  expect(await read(`/services/web/logs?${both}&timestamps=true&details=0`)).toEqual(
    [1, 2, 3, 4].map((i) => `${i === 4 ? 2 : 1} ${stamp(i)} ${'abcd'[i - 1]}`),
  );
  expect(asked.slice(0, 2).map(({ nodeId, path }) => `${nodeId} ${path}`)).toEqual(
    [1, 2].map((i) => `h${i} /containers/c-t${i}/logs?timestamps=1&stdout=1&stderr=1&since=5.25&tail=7`),
  );
});

it('shows one task, with details', async () => {
  const { read, asked } = await aCluster(() => [line(1, 'tag=x a b')]);
  expect(await read('/tasks/t2/logs?stdout=1&details=1')).toEqual([`1 ${ids('t2', 'h2')},tag=x a b`]);
  expect(asked.map(({ path }) => path)).toEqual([
    '/containers/c-t2/logs?timestamps=1&stdout=1&details=1&tail=all',
  ]);
});

it('names a host that does not answer, once, and shows the lines of the others', async () => {
  const { read, store } = await aCluster(({ nodeId }) =>
    nodeId === 'h1' ? new QueryError(504, 'the node did not answer within 5 s') : [line(2, 'b')],
  );
  await store.update((tx) => tx.tasks.create(logged('t3', 'h1', { Slot: 3 })));
  const all = await read(`/services/web/logs?${both}&details=1`);
  expect(all.sort()).toEqual([
    `1 ${ids('t2', 'h2')} b`,
    expect.stringMatching(
      /^2 com\S+task.id=t[13] shoal: logs of host h1 are missing: the node did not answer/,
    ),
  ]);
});

it('passes on what a daemon refuses, and has nothing of a container that is gone', async () => {
  const message = 'configured logging driver does not support reading';
  const { read } = await aCluster(({ nodeId }) =>
    nodeId === 'h1' ? { status: 501, body: JSON.stringify({ message }) } : { status: 404, body: '{}' },
  );
  expect(await read(`/services/web/logs?${both}&follow=0`)).toEqual([
    `2 shoal: logs of host h1 are missing: ${message}`,
  ]);
  expect(await read(`/tasks/t2/logs?${both}`)).toEqual([]);
});

it('says when there are more tasks than it shows', async () => {
  const { read, asked, store } = await aCluster(() => []);
  await store.update((tx) => {
    for (let i = 3; i <= 1_001; i++) tx.tasks.create(logged(`t${i}`, 'h1', { Slot: i }));
  });
  expect(await read(`/services/web/logs?${both}`)).toEqual([
    '2 shoal: more than 1000 tasks: ask for the logs of the others one by one',
  ]);
  expect(asked).toHaveLength(1_000);
});

it('follows tasks that start later, and those of a host that is back, until the service is gone', async () => {
  let down = true;
  const { open, asked, store } = await aCluster(({ nodeId }) =>
    nodeId === 'h2' && down ? new QueryError(503, 'the node is not connected to the manager') : 'open',
  );
  const said: Buffer[] = [];
  const stream = await open(`/services/web/logs?${both}&follow=1&tail=1`);
  stream.on('data', (chunk) => said.push(chunk));
  const of = (container: string) => asked.filter(({ path }) => path.includes(`${container}/`));
  const heard = (text: string) =>
    eventually(() => expect(frames(Buffer.concat(said)).at(-1)).toContain(text));
  of('c-t1')[0]?.body.write(line(1, 'a'));
  await eventually(() => expect(frames(Buffer.concat(said))).toHaveLength(2));
  await store.update((tx) => tx.tasks.create(logged('t3', 'h1', { Slot: 3 })));
  await eventually(() => expect(of('c-t3')).toHaveLength(1));
  expect([of('c-t1')[0]?.path, of('c-t3')[0]?.path].map((path) => /tail=\w+/.exec(path ?? '')?.[0])).toEqual([
    'tail=1',
    'tail=all',
  ]);
  of('c-t3')[0]?.body.write(line(3, 'c'));
  await heard('c');
  // Goes on just after the last line that has come.
  of('c-t1')[0]?.body.destroy(new QueryError(503, 'the node went away'));
  await heard('logs of host h1 are missing: the node went away');
  down = false;
  await eventually(() =>
    expect([of('c-t1'), of('c-t2')].map(({ length }) => length)).toEqual([2, expect.any(Number)]),
  );
  expect(of('c-t1')[1]?.path).toMatch(/since=1767225601\.000000001&tail=all$/);
  await eventually(() => expect(of('c-t2').at(-1)?.body.destroyed).toBe(false));
  of('c-t2').at(-1)?.body.write(line(5, 'e'));
  await heard('e');
  await store.update((tx) => {
    for (const id of ['t1', 't2', 't3']) tx.tasks.remove(id);
    tx.services.remove('web');
  });
  const ended = new Promise((resolve) => stream.once('end', resolve));
  for (const { body } of asked) body.push(null);
  await ended;
}, 20_000);

it('ends what hosts are asked for when the client is gone, and when the API closes', async () => {
  const { open, asked, app } = await aCluster(() => 'open');
  const stream = await open(`/services/web/logs?${both}&follow=1`);
  await eventually(() => expect(asked).toHaveLength(2));
  stream.destroy();
  await eventually(() => expect(asked.every(({ signal }) => signal.aborted)).toBe(true));
  const other = await open(`/tasks/t1/logs?${both}&follow=1`);
  await app.close();
  await other.resume().toArray();
  await eventually(() => expect(asked.at(-1)?.signal.aborted).toBe(true));
});

it('ends at the time that was asked for', async () => {
  const { read } = await aCluster(() => 'open');
  expect(await read(`/services/web/logs?${both}&follow=1&until=1`)).toEqual([]);
});

it('reads no more from hosts than its client does', async () => {
  const { open, asked } = await aCluster(() => 'open');
  const stream = await open(`/tasks/t1/logs?${both}&follow=1`);
  await eventually(() => expect(asked).toHaveLength(1));
  const body = asked[0]?.body;
  const flood = Buffer.concat(Array.from({ length: 64 }, () => line(1, 'x'.repeat(1_000))));
  let written = 0;
  while (body?.write(flood) !== false || (await drained(body))) written += flood.length;
  expect(written).toBeLessThan(32 * 2 ** 20);
  stream.destroy();
});

/** Whether there is room again within a second. */
const drained = (body: PassThrough): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 1_000);
    body.once('drain', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });

it.each([
  ['v1.41', undefined, 'raw'],
  ['v1.42', undefined, 'multiplexed'],
  ['v1.50', { Image: 'web:1', TTY: true }, 'raw'],
])('says what kind of stream it is: %s %j', async (version, ContainerSpec, kind) => {
  const { open, store } = await aCluster(() => [Buffer.from(`${stamp(1)} bare\r\n`)]);
  if (ContainerSpec)
    await store.update((tx) => {
      const [service, task] = [tx.services.get('web'), tx.tasks.get('t1')];
      const Spec = { ...service?.Spec, Name: 'web', TaskTemplate: { ContainerSpec } };
      if (service) tx.services.update({ ...service, Spec });
      if (task) tx.tasks.update({ ...task, Spec: { ContainerSpec } });
    });
  const stream = await open(`/${version}/tasks/t1/logs?${both}`);
  expect(stream.headers['content-type']).toBe(`application/vnd.docker.${kind}-stream`);
  const bytes = Buffer.concat(await stream.toArray()).toString();
  if (ContainerSpec) expect(bytes).toBe('bare\r\n');
});

it.each([
  ['/services/web/logs', 400, "must specify at least one of 'stdout' or 'stderr'"],
  [`/services/web/logs?${both}&tail=-1`, 400, 'negative tail values not supported'],
  [`/services/web/logs?${both}&tail=few`, 400, 'tail value must be a positive integer or "all"'],
  [`/services/web/logs?${both}&since=soon`, 400, "invalid value for 'since'"],
  [`/tasks/t1/logs?${both}&until=soon`, 400, "invalid value for 'until'"],
  [`/services/nope/logs?${both}`, 404, 'service nope not found'],
  [`/tasks/nope/logs?${both}`, 404, 'task nope not found'],
])('refuses %s', async (path, status, message) => {
  const { open } = await aCluster(() => []);
  const stream = await open(path);
  expect(stream.statusCode).toBe(status);
  expect(JSON.parse(Buffer.concat(await stream.toArray()).toString()).message).toContain(message);
});
