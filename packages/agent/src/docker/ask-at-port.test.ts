import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { askAtPort } from './ask-at-port.ts';

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function aServer(handler: RequestListener): Promise<number> {
  const server = createServer(handler);
  servers.push({ close: () => server.close().closeAllConnections() });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const never = new AbortController().signal;
const ask = (port: number, path: string, timeoutMs = 5_000, address = '127.0.0.1') =>
  askAtPort(address, { port, path, timeoutMs, highestStatus: 399 }, never);

it.each([
  [200, ''],
  [302, ''],
  [404, 'HTTP 404'],
  [503, 'HTTP 503'],
])('an answer of %i: %s', async (status, why) => {
  const port = await aServer((request, response) => {
    response.writeHead(request.url === '/up?a=1' ? status : 500).end('x'.repeat(100_000));
  });
  expect(await ask(port, '/up?a=1')).toBe(why);
  expect(await ask(port, '')).toBe('');
});

it('what does not answer, or is not there', async () => {
  const port = await aServer(() => {});
  expect(await ask(port, '/', 50)).toBe('no answer within 50 ms');
  expect(await ask(port, '/', 50, '')).toBe('it has no address at which its host could ask');
  const gone = await aServer(() => {});
  servers.pop()?.close();
  expect(await ask(gone, '/')).toBe(`nothing listens on port ${gone}`);
  expect(await ask(gone, '')).toBe(`nothing listens on port ${gone}`);
});

it.each([
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  'SSH-2.0-x\r\n',
  '',
])('what answers otherwise than by HTTP (%j)', async (words) => {
  const server = createTcpServer((socket) => socket.on('error', () => {}).end(words));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  expect(await ask((server.address() as AddressInfo).port, '/')).not.toBe('');
});

it('rejects when it is cut short', async () => {
  const port = await aServer(() => {});
  const stop = new AbortController();
  const asked = askAtPort(
    '127.0.0.1',
    { port, path: '/', timeoutMs: 60_000, highestStatus: 399 },
    stop.signal,
  );
  stop.abort(new Error('no longer wanted'));
  await expect(asked).rejects.toThrow('no longer wanted');
});
