import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { noLimits } from '../task/limits.ts';
import { aCheck, anAssignment } from '../task/testing.ts';
import { Daemon } from './daemon.ts';
import { watchContainers } from './watch.ts';

/** However busy the machine is. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 30_000 });
const owner = { nodeId: 'n1', clusterId: 'k1' };
const labels = { 'shoal.task.id': 't1', 'shoal.node.id': 'n1', 'shoal.cluster.id': 'k1' };
type Answer = { status?: number; body?: unknown; stream?: (response: ServerResponse) => void };

/** A daemon's HTTP side on a real socket, with the answers that a test gives it by `METHOD /path`. */
async function aDaemon(answers: Record<string, Answer>) {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-daemon-'));
  const socketPath = join(folder, 'docker.sock');
  const requests: { line: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const url = request.url ?? '';
    const line = `${request.method} ${url.split('?')[0]}`;
    requests.push({ line, url: decodeURIComponent(url), headers: request.headers, body });
    const answer = answers[line] ?? { status: 404, body: { message: `No such thing: ${line}` } };
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
    if (answer.stream) answer.stream(response);
    else response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  });
  const listen = () => new Promise<void>((resolve) => server.listen(socketPath, resolve));
  await listen();
  daemons.push({ server, folder });
  const pulled = { count: 0 };
  const daemon = new Daemon({
    socketPath,
    clock: Date.now,
    attach: async () => [],
    onPulled: () => {
      pulled.count += 1;
    },
  });
  daemon.owner = owner;
  return { daemon, requests, server, listen, pulled };
}

const daemons: { server: Server; folder: string }[] = [];
afterEach(async () => {
  for (const { server, folder } of daemons.splice(0)) {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  }
});

const refusal = (status: number, message: string): Answer => ({ status, body: { message } });
const anyone = () => new AbortController().signal;

describe('new limits', () => {
  const MiB = 2 ** 20;
  const given = (memory: number, pids = 0) => ({ ...noLimits, memory, pids });
  const stats = (usage: number, inactive: number): Answer => ({
    body: { memory_stats: { usage: usage * MiB, stats: { inactive_file: inactive * MiB } } },
  });
  const update = 'POST /containers/c1/update';

  it('are said in the body of the update, swap along with memory', async () => {
    const { daemon, requests } = await aDaemon({ [update]: { body: { Warnings: null } } });
    await daemon.limit('c1', given(96 * MiB), given(64 * MiB, 50));
    expect(requests.map(({ url }) => url)).toEqual(['/containers/c1/update']);
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({
      Memory: 96 * MiB,
      MemorySwap: 192 * MiB,
      PidsLimit: -1,
    });
  });

  it('below what the container uses are refused, its file cache left out', async () => {
    const { daemon, requests } = await aDaemon({
      [update]: { body: { Warnings: null } },
      'GET /containers/c1/stats': stats(90, 20),
    });
    await expect(daemon.limit('c1', given(64 * MiB), given(96 * MiB))).rejects.toMatchObject({
      name: 'Refused',
      message: 'it uses 70 MiB of memory, the new limit is 64 MiB',
    });
    expect(requests.map(({ line }) => line)).toEqual(['GET /containers/c1/stats']);
    await daemon.limit('c1', given(72 * MiB), noLimits);
    expect(requests.at(-1)?.line).toBe(update);
  });

  it('are refused in the words of the daemon', async () => {
    const { daemon } = await aDaemon({ [update]: refusal(500, 'Cannot update container c1: busy') });
    await expect(daemon.limit('c1', given(96 * MiB), given(64 * MiB))).rejects.toMatchObject({
      name: 'Refused',
      message: 'Cannot update container c1: busy',
    });
  });
});

describe('a container', () => {
  it('is created with its name beside the body', async () => {
    const { daemon, requests } = await aDaemon({
      'POST /containers/create': { status: 201, body: { Id: 'c1' } },
    });
    expect(await daemon.create(anAssignment())).toMatchObject({
      id: 'c1',
      phase: 'created',
      stopTimeoutMs: 10_000,
    });
    expect(requests[0]?.url).toBe('/containers/create?name=web.1.t1');
    expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({ Image: 'nginx:1', Labels: labels });
  });

  it.each([
    [409, 'conflict'],
    [404, 'missing'],
    [400, 'other'],
    [500, 'other'],
  ])('is refused with %i', async (status, reason) => {
    const { daemon } = await aDaemon({ 'POST /containers/create': refusal(status, 'that is why') });
    await expect(daemon.create(anAssignment())).rejects.toMatchObject({
      name: 'Refused',
      reason,
      message: 'that is why',
    });
  });

  it('is started, stopped and removed, however often', async () => {
    const { daemon } = await aDaemon({
      'POST /containers/c1/start': { status: 304 },
      'POST /containers/c1/stop': { status: 304 },
    });
    await daemon.start('c1');
    await daemon.stop('c1', 1_000);
    await daemon.stop('gone', 1_000);
    await daemon.remove('gone');
    await expect(daemon.start('gone')).rejects.toMatchObject({ reason: 'missing' });
  });

  it('is found only by its own task', async () => {
    const State = { Status: 'running', Pid: 7, ExitCode: 0, OOMKilled: false, Error: '' };
    const body = {
      Id: 'c1',
      State,
      Config: { Labels: labels },
      HostConfig: {},
      NetworkSettings: { Ports: {} },
    };
    const { daemon } = await aDaemon({ 'GET /containers/c1/json': { body } });
    expect(await daemon.find('t1', 'c1')).toMatchObject({ phase: 'running', pid: 7 });
    expect(await daemon.find('t2', 'c1')).toBeUndefined();
    expect(await daemon.find('t1', 'gone')).toBeUndefined();
  });

  it('is not refused by a daemon that is not there', async () => {
    const { daemon, server } = await aDaemon({});
    server.close();
    await expect(daemon.create(anAssignment())).rejects.not.toMatchObject({ name: 'Refused' });
  });
});

describe('a health check', () => {
  const check = aCheck({ command: ['check', '-v'], timeoutMs: 60 });
  const ended = (ExitCode: number): Answer => ({ body: { ExitCode, Pid: 0 } });
  /** At the first look it runs still. */
  const killed = (): Answer => {
    let looks = 0;
    const stream = (response: ServerResponse) =>
      response.end(JSON.stringify({ ExitCode: looks++ === 0 ? null : 137, Pid: 4_194_303 }));
    return { stream };
  };
  const execs = (start: Answer, inspect: Answer) => ({
    'POST /containers/c1/exec': { status: 201, body: { Id: 'e1' } },
    'POST /exec/e1/start': start,
    'GET /exec/e1/json': inspect,
  });
  const output: Answer = { stream: (response) => response.end('some words') };
  const silence: Answer = { stream: (response) => response.write('some words, and no more') };

  it.each([
    [0, true],
    [1, false],
    [127, false],
  ])('that ends with %i', async (exitCode, passed) => {
    const { daemon, requests } = await aDaemon(execs(output, ended(exitCode)));
    expect(await daemon.probe('c1', check, anyone())).toBe(passed);
    expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({ Cmd: ['check', '-v'], AttachStdout: true });
  });

  it('that does not end in time has failed', async () => {
    const { daemon, requests } = await aDaemon(execs(silence, killed()));
    expect(await daemon.probe('c1', check, anyone())).toBe(false);
    // To end its process, and to see it ended.
    expect(requests.filter(({ line }) => line === 'GET /exec/e1/json')).toHaveLength(2);
  });

  it('that is not wanted any more is not waited for', async () => {
    const { daemon } = await aDaemon(execs(silence, killed()));
    const stop = new AbortController();
    const probe = daemon.probe('c1', { ...check, timeoutMs: 60_000 }, stop.signal);
    setTimeout(() => stop.abort(new Error('not wanted')), 30);
    await expect(probe).rejects.toThrow('not wanted');
  });

  it('of a container that is gone, or does not run, is refused', async () => {
    const { daemon } = await aDaemon({ 'POST /containers/c1/exec': refusal(409, 'it does not run') });
    await expect(daemon.probe('c1', check, anyone())).rejects.toMatchObject({ reason: 'conflict' });
    await expect(daemon.probe('gone', check, anyone())).rejects.toMatchObject({ reason: 'missing' });
  });
});

describe('an image', () => {
  const lines = (...all: object[]): Answer => ({
    stream: (response) => response.end(all.map((line) => JSON.stringify(line)).join('\r\n')),
  });

  it('is pulled with its tag and the credentials as they came', async () => {
    const { daemon, requests, pulled } = await aDaemon({
      'POST /images/create': lines({ status: 'Pulling' }),
    });
    expect(await daemon.pull('host:5000/app:2', 'c2VjcmV0', anyone())).toBe('');
    expect(requests[0]?.url).toBe('/images/create?fromImage=host:5000/app&tag=2');
    expect(requests[0]?.headers['x-registry-auth']).toBe('c2VjcmV0');
    expect(pulled.count).toBe(1);
  });

  it('that can’t be pulled says why, at once or in the middle', async () => {
    const early = await aDaemon({ 'POST /images/create': refusal(404, 'pull access denied') });
    expect(await early.daemon.pull('app', '', anyone())).toBe('pull access denied');
    const late = await aDaemon({
      'POST /images/create': lines({ status: 'Pulling' }, { error: 'disk full' }),
    });
    expect(await late.daemon.pull('app', '', anyone())).toBe('disk full');
    expect(late.pulled.count).toBe(0);
  });

  it('is not pulled when its digest is here', async () => {
    const { daemon, requests } = await aDaemon({ 'GET /images/app@sha256:abc/json': { body: {} } });
    expect(await daemon.pull('app:1@sha256:abc', '', anyone())).toBe('');
    expect(requests.map(({ line }) => line)).toEqual(['GET /images/app@sha256:abc/json']);
  });
});

it("lists what is the cluster's", async () => {
  const mine = { Id: 'c1', Names: ['/web.1.t1'], State: 'exited', Status: 'Exited (0)', Labels: labels };
  const { daemon, requests } = await aDaemon({
    'GET /containers/json': { body: [mine, { ...mine, Labels: { ...labels, 'shoal.node.id': 'n2' } }] },
  });
  expect(await daemon.list()).toEqual([
    { taskId: 't1', id: 'c1', name: 'web.1.t1', phase: 'exited', health: 'none' },
    { taskId: 't1', otherNode: 'n2', id: 'c1', name: 'web.1.t1', phase: 'exited', health: 'none' },
  ]);
  expect(requests[0]?.url).toContain('{"label":["shoal.cluster.id=k1"]}');
});

it('follows events, and lists anew after each outage of the daemon', async () => {
  const line = (Action: string, us: number) =>
    `${JSON.stringify({ Action, Actor: { ID: 'c1', Attributes: labels }, timeNano: us * 1_000 })}\n`;
  const events = line('kill', 1767225600000000) + line('die', 1767225600000005);
  const { daemon, requests, server, listen } = await aDaemon({
    'GET /containers/json': { body: [] },
    'GET /events': { stream: (response) => response.write(events) },
  });
  const told: string[] = [];
  const seen: string[] = [];
  const end = new AbortController();
  const watching = watchContainers(
    {
      daemon,
      onList: () => told.push('list'),
      onHint: (taskId, name) => told.push(`${taskId} ${name}`),
      onEvent: ({ action, containerId, atUs }) => seen.push(`${action} ${containerId} ${atUs}`),
      onLost: () => told.push('lost'),
      onFound: () => told.push('found'),
      log: pino({ level: 'silent' }),
    },
    end.signal,
  );
  await eventually(() => expect(told).toEqual(['list', 'found', 't1 die']));
  server.closeAllConnections();
  server.close();
  await eventually(() => expect(told.at(-1)).toBe('lost'));
  await listen();
  await eventually(() => expect(told.slice(3)).toEqual(['lost', 'list', 'found', 't1 die']));
  expect(seen.slice(0, 2)).toEqual(['kill c1 1767225600000000', 'die c1 1767225600000005']);
  const since = requests.flatMap(({ line, url }) =>
    line === 'GET /events' ? /since=([\d.]+)/.exec(url)?.[1] : [],
  );
  expect(since).toEqual(['0.000001000', '1767225600.000006000']);
  end.abort();
  await watching;
});
