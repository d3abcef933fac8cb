import { createPrivateKey, X509Certificate } from 'node:crypto';
import { NodeFacts } from '@shoal/proto';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { askForCertificate, NotAdmitted } from './ask.ts';
import { Identity, type IdentityOptions } from './identity.ts';
import { makeKeyAndRequest } from './key-and-request.ts';
import { makeKeyApart } from './make-key-apart.ts';
import { TestAuthority, TestDoor } from './testing.ts';

const authority = await TestAuthority.make();
const closers: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const close of closers.splice(0).reverse()) close();
});

async function aDoor(...more: [by?: TestAuthority, role?: 'worker' | 'manager', clusterId?: string]) {
  const [by = authority, ...rest] = more;
  const door = await TestDoor.open(by, ...rest);
  closers.push(() => door.close());
  return door;
}

function aHost(door: TestDoor, more: Partial<IdentityOptions> = {}) {
  const disk: string[] = [];
  const renewed = vi.fn();
  const identity = new Identity({
    kept: undefined,
    keep: async (text) => void disk.push(text),
    manager: () => door.address,
    joinToken: async () => door.token,
    facts: () => NodeFacts.fromPartial({ hostname: 'h1' }),
    makeKey: makeKeyAndRequest,
    onRenewed: renewed,
    random: () => 0,
    log: pino({ level: 'silent' }),
    ...more,
  });
  closers.push(() => identity.close());
  return { identity, disk, renewed };
}

describe('a host', () => {
  it('joins once: its key is on disk before it asks, and the certificate before it counts', async () => {
    const door = await aDoor();
    const { identity, disk } = aHost(door);
    expect(identity.node).toBeUndefined();
    await identity.credentials();
    expect(identity.node).toEqual({ nodeId: 'n1', clusterId: 'k1' });
    expect(disk.map((text) => Object.keys(JSON.parse(text)))).toEqual([
      ['key', 'request'],
      ['key', 'request', 'certificate', 'roots'],
    ]);
    expect(door.asked).toMatchObject([{ joinToken: door.token, facts: { hostname: 'h1' }, by: undefined }]);

    const kept = disk.at(-1);
    const again = aHost(door, { kept, joinToken: async () => '' });
    await again.identity.credentials();
    expect([again.identity.node, again.disk]).toEqual([{ nodeId: 'n1', clusterId: 'k1' }, []]);
    expect(door.asked).toHaveLength(1);
  });

  it('asks with the same key again when the answer was lost, also after a restart', async () => {
    const door = await aDoor();
    door.losesAnswers = true;
    const first = aHost(door);
    await expect(first.identity.credentials()).rejects.toThrow('lost');
    await expect(first.identity.credentials()).rejects.toThrow('lost');
    door.losesAnswers = false;
    await aHost(door, { kept: first.disk.at(-1) }).identity.credentials();
    expect(new Set(door.asked.map(({ request }) => request)).size).toBe(1);
  });

  it('gets a certificate for the key it has when its own has ended', async () => {
    const door = await aDoor();
    door.lifeMs = -1_000;
    const { identity, disk } = aHost(door);
    await identity.credentials();
    door.lifeMs = 60_000;
    await identity.credentials();
    expect(door.asked.filter(({ joinToken }) => joinToken !== '')).toHaveLength(2);
    expect(new Set(disk.map((text) => JSON.parse(text).key)).size).toBe(1);
    await expect(aHost(door, { joinToken: async () => '' }).identity.credentials()).rejects.toThrow(
      /not joined yet, and there is no join token/,
    );
  });

  it('goes on without what is kept when that is broken', async () => {
    const door = await aDoor();
    for (const kept of ['{', '', '{"certificate":"x","roots":"y"}']) {
      const { identity } = aHost(door, { kept });
      await identity.credentials();
      expect(identity.node?.nodeId).toBe('n1');
    }
  });

  it('makes its keys in a process apart, which is gone afterwards', async () => {
    const { key, request } = await makeKeyApart();
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    const subject = { id: 'n1', role: 'worker', clusterId: 'k1' } as const;
    const certificate = new X509Certificate(await authority.issue(request, subject));
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  });
});

describe('a host does not give its token', () => {
  it('to a manager with another root than the token says', async () => {
    const [own, impostor] = [await aDoor(), await aDoor(await TestAuthority.make())];
    const { identity } = aHost(impostor, { joinToken: async () => own.token });
    await expect(identity.credentials()).rejects.toThrow(NotAdmitted);
    await expect(identity.credentials()).rejects.toThrow(/another root certificate/);
    expect(impostor.asked).toEqual([]);
  });

  it('to one that has the right root and no certificate of a manager: any worker could do that', async () => {
    const worker = await aDoor(authority, 'worker');
    await expect(aHost(worker).identity.credentials()).rejects.toThrow(/no manager/);
    expect(worker.asked).toEqual([]);
  });

  it('to anybody when it is not whole', async () => {
    const door = await aDoor();
    for (const joinToken of ['SHOAL-1-x', `${door.token} `, 'SWMTKN-1-a-b'])
      await expect(aHost(door, { joinToken: async () => joinToken }).identity.credentials()).rejects.toThrow(
        /not whole/,
      );
  });
});

it('a host that has joined shows itself to managers of its own cluster alone', async () => {
  const door = await aDoor();
  const { identity } = aHost(door);
  const credentials = await identity.credentials();
  const request = { request: '', joinToken: '', facts: undefined, protocol: 0 };
  for (const [impostor, says] of [
    [await aDoor(await TestAuthority.make()), /certificate/],
    [await aDoor(authority, 'worker'), /no manager/],
    [await aDoor(authority, 'manager', 'k2'), /another cluster, k2/],
  ] as const) {
    await expect(askForCertificate(impostor.address, credentials, request)).rejects.toThrow(says);
    expect(impostor.asked).toEqual([]);
  }
});

describe('a certificate', () => {
  it('is renewed by itself with a new key, for the same node, without the token', async () => {
    const door = await aDoor();
    door.lifeMs = 4_000;
    const { identity, disk, renewed } = aHost(door);
    await identity.credentials();
    await vi.waitFor(() => expect(renewed).toHaveBeenCalled(), { timeout: 30_000 });
    expect(door.asked[1]).toMatchObject({ joinToken: '', by: 'n1' });
    const keys = disk.slice(1, 3).map((text) => JSON.parse(text).key);
    expect(new Set(keys).size).toBe(2);
    expect(identity.node?.nodeId).toBe('n1');
  });

  it('stays when it can not be renewed, and is tried again', async () => {
    const door = await aDoor();
    const { identity, disk, renewed } = aHost(door);
    await identity.credentials();
    const before = disk.length;
    door.losesAnswers = true;
    await identity.trust({ roots: authority.root, renew: true, renewWithinMs: 0 });
    await vi.waitFor(() => expect(door.asked).toHaveLength(2), { timeout: 30_000 });
    expect([disk.length, renewed.mock.calls.length]).toEqual([before, 0]);
  });

  it('that the manager wants renewed is, within a minute of a try that failed', async () => {
    const door = await aDoor();
    door.lifeMs = 90 * 24 * 3_600_000;
    const failed = vi.fn();
    const { identity, renewed } = aHost(door, { log: pino({ level: 'warn' }, { write: failed }) });
    await identity.credentials();
    door.losesAnswers = true;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await identity.trust({ roots: authority.root, renew: true, renewWithinMs: 0 });
    await vi.waitFor(() => expect(failed).toHaveBeenCalled(), { timeout: 30_000 });
    door.losesAnswers = false;
    // The soonest of all that it may choose: what it does then has timers of its own.
    await vi.advanceTimersByTimeAsync(30_000);
    await vi.waitFor(() => expect(renewed).toHaveBeenCalledTimes(1), { timeout: 30_000 });
  });

  it('that all agents are to renew is renewed when its turn is, within the time that the manager needs for all', async () => {
    const door = await aDoor();
    const { identity, renewed } = aHost(door, { random: () => 0.5 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await identity.credentials();
    await identity.trust({ roots: authority.root, renew: true, renewWithinMs: 100_000 });
    await vi.advanceTimersByTimeAsync(49_999);
    expect(door.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await vi.waitFor(() => expect(renewed).toHaveBeenCalledTimes(1), { timeout: 30_000 });
  });

  it('is renewed in time though the clock of its host was set on', async () => {
    const door = await aDoor();
    const { identity, renewed } = aHost(door);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    await identity.credentials();
    vi.setSystemTime(Date.now() + 13 * 3_600_000);
    await vi.advanceTimersByTimeAsync(60_000);
    await vi.waitFor(() => expect(renewed).toHaveBeenCalledTimes(1), { timeout: 30_000 });
  });

  it('is not asked for over and over where the clock of its host is far ahead, and each is due at once', async () => {
    const door = await aDoor();
    door.behindMs = 23 * 3_600_000;
    const { identity, renewed } = aHost(door);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await identity.credentials();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(5_000);
    await vi.waitFor(() => expect(renewed).toHaveBeenCalledTimes(1), { timeout: 30_000 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect([door.asked.length, renewed.mock.calls.length]).toEqual([2, 1]);
  });

  it('is renewed when the manager says so, and trusted are the roots that it names', async () => {
    const door = await aDoor();
    const { identity, disk, renewed } = aHost(door);
    await identity.credentials();
    const other = await TestAuthority.make();
    await identity.trust({ roots: authority.root + other.root, renew: false, renewWithinMs: 0 });
    expect(JSON.parse(disk.at(-1) ?? '').roots).toBe(authority.root + other.root);
    await identity.trust({ roots: authority.root, renew: true, renewWithinMs: 0 });
    await vi.waitFor(() => expect(renewed).toHaveBeenCalledTimes(1), { timeout: 30_000 });
  });
});
