import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { diffWireGuard, parseDump, renewedKeys, WireGuard } from './wireguard.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'shoal-wireguard-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

it('keeps its key in a file of its own', () => {
  const path = folder();
  const first = new WireGuard(path);
  const file = join(path, 'wireguard.key');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(Buffer.from(readFileSync(file, 'utf8'), 'base64')).toHaveLength(32);
  expect(Buffer.from(first.publicKey, 'base64')).toHaveLength(32);
  expect(new WireGuard(path).publicKey).toBe(first.publicKey);
});

it('changes the key', () => {
  const path = folder();
  const wireguard = new WireGuard(path);
  const before = wireguard.publicKey;
  wireguard.rotate();
  // The others must not learn of a key that is not in use yet.
  expect(wireguard.publicKey).toBe(before);
  expect(new WireGuard(path).publicKey).not.toBe(before);
  expect(Math.abs(wireguard.madeAt - Date.now())).toBeLessThan(60_000);
});

const dump = [
  'PRIVATE\tOURS=\t51823\toff',
  'TWO=\t(none)\t192.0.2.2:51823\t198.19.0.2/32\t0\t0\t0\toff',
  'OLD=\t(none)\t192.0.2.3:51823\t198.19.0.3/32\t0\t0\t0\toff',
].join('\n');

it('agrees with the peers by what changed', () => {
  const present = parseDump(`${dump}\n`);
  const place = (host: number) => ({ endpoint: `192.0.2.${host}:51823`, inside: `198.19.0.${host}/32` });
  const wanted = { keyFile: '/key', publicKey: 'OURS=', port: 51_823, peers: present.peers };
  expect(diffWireGuard(present, wanted)).toEqual([]);
  const peers = new Map([
    ['TWO=', place(2)],
    ['NEW=', place(3)],
  ]);
  expect(renewedKeys(present, wanted)).toEqual([]);
  expect(renewedKeys(present, { ...wanted, peers })).toEqual(['NEW=']);
  expect(
    renewedKeys(present, { ...wanted, peers: new Map([...present.peers, ['FOUR=', place(4)]]) }),
  ).toEqual([]);
  expect(diffWireGuard(present, { ...wanted, publicKey: 'NEXT=', peers }).join(' ')).toBe(
    'private-key /key peer OLD= remove peer NEW= endpoint 192.0.2.3:51823 allowed-ips 198.19.0.3/32',
  );
});
