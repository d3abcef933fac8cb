import { createServer } from 'node:net';
import { probeHost } from '@shoal/proto';
import { pino } from 'pino';
import { expect, it } from 'vitest';
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
