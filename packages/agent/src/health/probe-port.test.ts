import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, Server } from 'node:net';
import { probeHost } from '@shoal/proto';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ProbePort } from './probe-port.ts';

const host = '127.0.0.1';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

it('accepts probes until it is closed, and closes each at once', async () => {
  const port = await freePort();
  const open = new ProbePort({ host, port, log: pino({ level: 'silent' }) });
  await expect.poll(() => probeHost(host, port)).toBe('accepted');
  open.close();
  await expect.poll(() => probeHost(host, port)).toBe('refused');
});

it('says when it can not have the port, and lets the agent go on', async () => {
  const port = await freePort();
  const said: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void said.push(JSON.parse(line).msg) });
  const first = new ProbePort({ host, port, log });
  await expect.poll(() => probeHost(host, port)).toBe('accepted');
  const second = new ProbePort({ host, port, log });
  await expect.poll(() => said).toEqual(['no port for probes, trying again']);
  first.close();
  second.close();
});

it('goes on listening when a connection could not be accepted', async () => {
  const port = await freePort();
  const servers: Server[] = [];
  const listening = 'tracing:net.server.listen:asyncStart';
  const take = (message: unknown) => {
    const server = Object(message).server;
    if (server instanceof Server) servers.push(server);
  };
  subscribe(listening, take);
  const open = new ProbePort({ host, port, log: pino({ level: 'silent' }) });
  unsubscribe(listening, take);
  onTestFinished(() => {
    vi.useRealTimers();
    open.close();
  });
  await expect.poll(() => probeHost(host, port)).toBe('accepted');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  // As Node tells that accept(2) failed, for want of descriptors for instance.
  expect(servers.map((server) => server.emit('error', new Error('accept EMFILE')))).toEqual([true]);
  expect(() => vi.advanceTimersByTime(60_000)).not.toThrow();
  vi.useRealTimers();
  await expect.poll(() => probeHost(host, port)).toBe('accepted');
});
