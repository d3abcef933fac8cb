import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { HostResolvers, parseResolvConf } from './host-resolvers.ts';

const addresses = (text: string) => parseResolvConf(text).map(({ address }) => address);

it('reads the servers of a resolv.conf', () => {
  const text =
    '# x\n;nameserver 9.9.9.9\nsearch lan\nnameserver 10.0.0.2  \nnameserver\tfe80::1%eth0\noptions ndots:0\n';
  expect(addresses(text)).toEqual(['10.0.0.2', 'fe80::1%eth0']);
  expect(addresses('nameserver dns.example\nnameserver 1.1.1.1 # first')).toEqual(['1.1.1.1']);
  expect(addresses('1234'.replace(/./g, 'nameserver 10.0.0.$&\n'))).toEqual([
    '10.0.0.1',
    '10.0.0.2',
    '10.0.0.3',
  ]);
  expect(addresses('')).toEqual(['127.0.0.1']);
});

it('follows the file as it is written, replaced and removed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'resolvers-'));
  const path = join(folder, 'resolv.conf');
  const resolvers = new HostResolvers(path);
  onTestFinished(async () => {
    resolvers.close();
    await rm(folder, { recursive: true });
  });
  const now = () => resolvers.servers.map(({ address }) => address).join();
  expect(now()).toBe('127.0.0.1');
  await writeFile(path, 'nameserver 10.0.0.1\n');
  await expect.poll(now).toBe('10.0.0.1');
  await writeFile(`${path}.new`, 'nameserver 10.0.0.2\n');
  await rename(`${path}.new`, path);
  await expect.poll(now).toBe('10.0.0.2');
});
