import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { anApi, anApp } from '../testing.ts';
import { listen } from './listen.ts';

const folder = mkdtempSync(join(tmpdir(), 'shoal-api-'));
const socketPath = join(folder, 'api.sock');
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const newApp = async () => anApp((await anApi()).store);

const ping = (where: { socketPath: string } | { port: number }): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get({ ...where, host: '127.0.0.1', path: '/v1.41/_ping' }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    }).on('error', reject);
  });

describe('listen', () => {
  it('serves one app on several addresses and lets go of all of them', async () => {
    const app = await newApp();
    const [address = ''] = await listen(app, ['http://127.0.0.1:0', `unix://${socketPath}`]);
    const port = Number(URL.parse(address)?.port);
    expect(await ping({ port })).toBe(200);
    expect(await ping({ socketPath })).toBe(200);
    expect(statSync(socketPath).mode & 0o777).toBe(0o660);
    await app.close();
    await expect(ping({ port })).rejects.toThrow();
    expect(existsSync(socketPath)).toBe(false);
  });

  it.each([
    ['tcp://127.0.0.1', /expected unix:\/\/\/PATH/],
    ['nonsense', /expected unix:\/\/\/PATH/],
    ['http://10.0.0.1:1', /loopback alone/],
    ['tcp://127.0.0.1:0', /with TLS alone/],
  ])('refuses %s', async (address, message) => {
    const app = await newApp();
    await expect(listen(app, [address])).rejects.toThrow(message);
  });

  it('says so when an address is taken', async () => {
    const app = await newApp();
    const addresses = await listen(app, ['http://127.0.0.1:0']);
    await expect(listen(await newApp(), addresses)).rejects.toThrow(/EADDRINUSE/);
    await app.close();
  });
});
