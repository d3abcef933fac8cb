import { createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { probeHost } from './host-probe.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function aPort(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address ? address.port : 0 };
}

it('is accepted where someone listens', async () => {
  expect(await probeHost('127.0.0.1', (await aPort()).port)).toBe('accepted');
});

it('is refused where nobody does', async () => {
  const { server, port } = await aPort();
  await new Promise((resolve) => server.close(resolve));
  expect(await probeHost('127.0.0.1', port)).toBe('refused');
});

it('hears an answer that waited while the prober was stalled', async () => {
  const probing = probeHost('127.0.0.1', (await aPort()).port);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
  expect(await probing).toBe('accepted');
});

it('says that it does not know when the fault is its own', async () => {
  // A broadcast address: the kernel sends nothing at all.
  expect(await probeHost('255.255.255.255', 9)).toBe('unknown');
});
