import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { serveNotLeading } from '../not-leading.ts';
import { anApi, anApp } from '../testing.ts';
import { listen } from './listen.ts';

const folder = mkdtempSync(join(tmpdir(), 'shoal-api-'));
const socketPath = join(folder, 'api.sock');
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Where = { socketPath: string } | { port: number };
const ask = (where: Where, path: string): Promise<{ status: number | undefined; body: string }> =>
  new Promise((resolve, reject) => {
    get({ ...where, host: '127.0.0.1', path }, async (response) => {
      resolve({ status: response.statusCode, body: await text(response) });
    }).on('error', reject);
  });
const portOf = (address = '') => Number(URL.parse(address)?.port);

describe('listen', () => {
  it('serves one app on several addresses and lets go of all of them', async () => {
    const app = await anApp((await anApi()).store);
    const { addresses, close } = await listen(app.routing, ['http://127.0.0.1:0', `unix://${socketPath}`]);
    const port = portOf(addresses[0]);
    expect(await ask({ port }, '/v1.41/_ping')).toEqual({ status: 200, body: 'OK' });
    expect((await ask({ socketPath }, '/v1.41/_ping')).status).toBe(200);
    expect(statSync(socketPath).mode & 0o777).toBe(0o660);
    await Promise.all([app.close(), close()]);
    await expect(ask({ port }, '/_ping')).rejects.toThrow();
    expect(existsSync(socketPath)).toBe(false);
  });

  it.each([
    ['tcp://127.0.0.1', /expected unix:\/\/\/PATH/],
    ['nonsense', /expected unix:\/\/\/PATH/],
    ['http://10.0.0.1:1', /loopback alone/],
    ['tcp://127.0.0.1:0', /with TLS alone/],
  ])('refuses %s', async (address, message) => {
    await expect(listen(serveNotLeading, [address])).rejects.toThrow(message);
  });

  it('says so when an address is taken, and keeps none of the others', async () => {
    const first = await listen(serveNotLeading, ['http://127.0.0.1:0']);
    const both = ['http://127.0.0.1:0', ...first.addresses];
    await expect(listen(serveNotLeading, both)).rejects.toThrow(/EADDRINUSE/);
    await first.close();
  });
});

it('a manager that does not lead says so to every request, as Docker says errors', async () => {
  const { addresses, close } = await listen(serveNotLeading, ['http://127.0.0.1:0']);
  const { status, body } = await ask({ port: portOf(addresses[0]) }, '/v1.41/services');
  expect(status).toBe(503);
  expect(JSON.parse(body).message).toMatch(/does not lead.*try again/);
  expect(await ask({ port: portOf(addresses[0]) }, '/healthz')).toEqual({ status: 200, body: 'ok' });
  await close();
});
