import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { type FrameCall, type TunnelHead, TunnelStream, TunnelsService } from '@shoal/proto';
import { afterEach, expect, it, vi } from 'vitest';
import { Daemon } from '../docker/daemon.ts';
import { Tunnels } from './tunnels.ts';

/** However slow the machine is. */
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 60_000 });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const owner = { nodeId: 'n1', clusterId: 'k1' };
const labels = { 'shoal.task.id': 't1', 'shoal.node.id': 'n1', 'shoal.cluster.id': 'k1' };
/** The containers of the daemon, by name, with their labels. */
const containers: Readonly<Record<string, Record<string, string>>> = {
  c: labels,
  'of-another-node': { ...labels, 'shoal.node.id': 'n2' },
  'of-another-cluster': { ...labels, 'shoal.cluster.id': 'k2' },
  'somebody-s-own': {},
};

/** A manager's door for tunnels and a daemon behind a socket, with the agent's tunnels between them. */
async function between(answer: RequestListener) {
  const opened: { id: string; head?: TunnelHead; stream: TunnelStream }[] = [];
  const server = new Server();
  server.addService(TunnelsService, {
    open: (call: FrameCall) => {
      const stream = new TunnelStream(call, {
        onHello: (hello) => opened.push({ ...hello, stream }),
        onHead: (head) => {
          const one = opened.find((each) => each.stream === stream);
          if (one) one.head = head;
        },
      });
      stream.on('error', () => undefined);
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const folder = mkdtempSync(join(tmpdir(), 'tunnels-'));
  const socket = join(folder, 'docker.sock');
  const http = createServer((request, response) => {
    const [, name = ''] = /^\/containers\/([^/]+)\/json$/.exec(request.url ?? '') ?? [];
    if (!name) return answer(request, response);
    const Labels = containers[name];
    response.writeHead(Labels ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(Labels ? { Id: `id-of-${name}`, Config: { Labels } } : { message: 'none' }));
  }).listen(socket);
  const daemon = new Daemon({
    socketPath: socket,
    clock: Date.now,
    attach: async () => [],
    onPulled: () => undefined,
  });
  daemon.owner = owner;
  const tunnels = new Tunnels({
    manager: () => `127.0.0.1:${port}`,
    credentials: () => credentials.createInsecure(),
    daemon: (request, body, signal) => daemon.passOn(request, body, signal),
  });
  closers.push(
    () => rmSync(folder, { recursive: true }),
    () => http.close(),
    () => http.closeAllConnections(),
    () => server.forceShutdown(),
    () => tunnels.closeAll(),
  );
  const open = async (id: string, path = '/containers/c/logs?stdout=1') => {
    tunnels.open({ id, request: { method: 'GET', path, headers: {} } });
    return await eventually(() => {
      const one = opened.find((each) => each.id === id);
      if (!one) throw new Error('not opened yet');
      return one;
    });
  };
  return { tunnels, open, opened };
}

it('passes a request on to the daemon and its answer back', async () => {
  const { open, opened } = await between((request, response) =>
    response.writeHead(200, { 'content-type': 'text/x' }).end(`${request.method} ${request.url}`),
  );
  const one = await open('t1');
  one.stream.end();
  const text = Buffer.concat(await one.stream.toArray()).toString();
  expect(text).toBe('GET /containers/id-of-c/logs?stdout=1');
  expect(one).toMatchObject({ head: { status: 200, headers: { 'content-type': 'text/x' } } });
  expect(opened).toHaveLength(1);
});

it.each([
  '/containers/c/json',
  '/containers/a/../b/logs',
  '/containers/json',
  '/info',
  '/v1.41/containers/c/logs',
])('refuses %s', async (path) => {
  const { open } = await between((_request, response) => response.end());
  const { stream } = await open('t1', path);
  await eventually(() => expect(stream.errored).toMatchObject({ status: 403 }));
});

it.each([...Object.keys(containers).slice(1), 'nobody-s'])(
  'passes nothing on about a container that is not ours: %s',
  async (name) => {
    let passed = 0;
    const { open } = await between((_request, response) => {
      passed += 1;
      response.end('its secrets');
    });
    const { stream, head } = await open('t1', `/containers/${name}/logs?stdout=1`);
    await eventually(() =>
      expect(stream.errored).toMatchObject({ status: 404, message: `No such container: ${name}` }),
    );
    expect([head, passed]).toEqual([undefined, 0]);
  },
);

it('ends the request when the manager gives the tunnel up, and when the session is over', async () => {
  let under = 0;
  const { tunnels, open } = await between((_request, response) => {
    under += 1;
    response.on('close', () => {
      under -= 1;
    });
    response.writeHead(200).write('and so on');
  });
  const one = await open('t1');
  const two = await open('t2');
  await eventually(() => expect([under, one.head?.status, two.head?.status]).toEqual([2, 200, 200]));
  tunnels.close('t1');
  await eventually(() => expect([under, one.stream.closed]).toEqual([1, true]));
  tunnels.closeAll();
  await eventually(() => expect([under, two.stream.closed]).toEqual([0, true]));
});

it('holds the daemon back when the manager does not read', async () => {
  let written = 0;
  const { open } = await between((_request, response) => {
    const more = () => {
      while (written < 1_000 && response.write(Buffer.alloc(64 * 1024))) written += 1;
      if (written < 1_000) written += 1;
      else response.end();
    };
    response.on('drain', more);
    more();
  });
  const { stream } = await open('t1');
  let before = -1;
  await vi.waitFor(
    () => {
      const still = before === written && written > 0;
      before = written;
      if (!still) throw new Error('it still writes');
    },
    { timeout: 60_000, interval: 200 },
  );
  expect(written).toBeLessThan(200);
  stream.end();
  stream.resume();
  await eventually(() => expect(stream.closed).toBe(true));
  expect(written).toBe(1_000);
});

it('says when the daemon breaks off', async () => {
  const { open } = await between((_request, response) => {
    response.writeHead(200).write('half');
    setTimeout(() => response.destroy(), 50);
  });
  const { stream } = await open('t1');
  stream.resume();
  await eventually(() => expect(stream.errored).toMatchObject({ status: 503 }));
});
