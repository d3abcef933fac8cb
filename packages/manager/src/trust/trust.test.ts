import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { formatJoinToken, parseJoinToken, parseSubject, rootDigest, tokenSecret } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aNode } from '../testing.ts';
import {
  Authority,
  BadRequest,
  notRotated,
  peerOf,
  requestedKey,
  SealBroken,
  trustedRoots,
} from './index.ts';
import { keyFromPassphrase, saltBytes, seal, unseal } from './seal.ts';
import { aRequest, aVault } from './testing.ts';

const hourMs = 60 * 60 * 1_000;
const dayMs = 24 * hourMs;
const now = Date.UTC(2026, 0, 1);
const sealingKey = randomBytes(32);
const vault = aVault();
const sealing = vault.begin(true);
const authority = new Authority({ vault, clock: () => now });
const clusterNamed = async (ID: string) => ({ ID, sealing, trust: await authority.begin({ ID, sealing }) });
const cluster = await clusterNamed('cluster1');
const other = await clusterNamed('cluster2');
const request = await aRequest();
const key = await requestedKey(request);
const node = { id: 'n1', role: 'worker' } as const;
const der = (pem: string) => new X509Certificate(pem).raw;
const certificate = await authority.certify(cluster, key, node);

describe('a certificate', () => {
  it('says who its holder is', () => {
    expect(peerOf(der(certificate), trustedRoots(cluster.trust), 'cluster1', now)).toEqual({
      ...node,
      clusterId: 'cluster1',
      signedBy: cluster.trust.root.digest,
      expiresAt: now + 90 * dayMs,
    });
  });

  it('counts from an hour before it was made, until it ends, and not a second longer', () => {
    fc.assert(
      fc.property(fc.integer({ min: -2 * dayMs, max: 100 * dayMs }), (passed) => {
        const at = now + Math.floor(passed / 1_000) * 1_000;
        const look = () => peerOf(der(certificate), trustedRoots(cluster.trust), 'cluster1', at);
        if (at >= now - hourMs && at < now + 90 * dayMs) expect(look().id).toBe('n1');
        else expect(look).toThrow(/counts from .* to /);
      }),
    );
  });

  it('of another authority, of itself, of another cluster, or of a root counts for nothing', async () => {
    const roots = trustedRoots(cluster.trust);
    const foreign = await authority.certify(other, key, node);
    expect(() => peerOf(der(foreign), roots, 'cluster1', now)).toThrow(/not of this cluster's authority/);
    // The right authority, but it speaks of another cluster.
    const wrong = await authority.certify({ ...cluster, ID: 'cluster2' }, key, node);
    expect(() => peerOf(der(wrong), roots, 'cluster1', now)).toThrow(/for another cluster/);
    expect(() => peerOf(der(roots[0] ?? ''), roots, 'cluster1', now)).toThrow(/of nobody/);
    const [root] = trustedRoots(other.trust);
    expect(() => peerOf(der(root ?? ''), roots, 'cluster1', now)).toThrow(/not of this cluster/);
  });

  it('changed in any byte counts for nothing, or is what it was', () => {
    const whole = der(certificate);
    const roots = trustedRoots(cluster.trust);
    const before = peerOf(whole, roots, 'cluster1', now);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(whole);
        changed.writeUInt8(changed.readUInt8(at) ^ change, at);
        let peer: unknown;
        try {
          peer = peerOf(changed, roots, 'cluster1', now);
        } catch {
          return;
        }
        expect(peer).toEqual(before);
      }),
    );
  });

  it('tells a worker from a manager also to TLS itself', async () => {
    const purposes = (pem: string) => new X509Certificate(pem).keyUsage;
    const manager = await authority.ownCredentials(cluster, 'm1');
    expect(purposes(certificate)).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(purposes(manager.chain)).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(parseSubject(new X509Certificate(manager.chain).subject)).toMatchObject({ role: 'manager' });
    expect(createPrivateKey(manager.key).asymmetricKeyType).toBe('ec');
  });

  it('outlives neither its root nor what the cluster wants', async () => {
    const brief = { ...cluster, trust: { ...cluster.trust, nodeCertExpiryMs: 2_000 } };
    const ends = async (of: typeof cluster) =>
      Date.parse(new X509Certificate(await authority.certify(of, key, node)).validTo);
    expect(await ends(brief)).toBe(now + 2_000);
    const endless = { ...cluster, trust: { ...cluster.trust, nodeCertExpiryMs: 100 * 365 * dayMs } };
    expect(await ends(endless)).toBe(Date.parse(new X509Certificate(cluster.trust.root.certificate).validTo));
  });
});

describe('a request', () => {
  it.each([
    ['nothing', ''],
    ['no request', 'hello'],
    ['a certificate', certificate],
    ['one that is too long', request + ' '.repeat(5_000)],
    ['one whose signature is cut', request.replace(/.{8}\n-----END/, 'AAAAAAAA\n-----END')],
  ])('%s is refused', async (_, text) => {
    await expect(requestedKey(text)).rejects.toThrow(BadRequest);
  });

  it('stands for its key', async () => {
    expect((await requestedKey(request)).hash).toBe(key.hash);
    expect((await requestedKey(await aRequest())).hash).not.toBe(key.hash);
  });
});

describe('a join token', () => {
  it('carries the digest of the root, and what role it is for', () => {
    for (const role of ['worker', 'manager'] as const) {
      const token = authority.joinToken(cluster.trust, role);
      expect(token).toMatch(/^SHOAL-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
      expect(parseJoinToken(token)?.digest).toBe(cluster.trust.root.digest);
      expect(authority.roleOf(cluster.trust, token)).toBe(role);
      expect(authority.roleOf(other.trust, token)).toBeUndefined();
    }
  });

  it('counts no more once there is a new one', () => {
    const before = authority.joinToken(cluster.trust, 'worker');
    const { joinSecrets } = cluster.trust;
    const trust = {
      ...cluster.trust,
      joinSecrets: { ...joinSecrets, worker: authority.newJoinSecret(cluster, 'worker') },
    };
    expect(authority.roleOf(trust, before)).toBeUndefined();
    expect(authority.roleOf(trust, authority.joinToken(trust, 'worker'))).toBe('worker');
    expect(authority.roleOf(trust, authority.joinToken(trust, 'manager'))).toBe('manager');
  });

  it('is written and read alike, and nothing else is one', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(32), bytes(16), (fingerprint, secret) => {
        const parts = {
          digest: rootDigest(Buffer.from(fingerprint).toString('hex')),
          secret: tokenSecret(secret),
        };
        expect(parseJoinToken(formatJoinToken(parts))).toEqual(parts);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => parseJoinToken(text) === undefined));
  });
});

describe('a new root', () => {
  it('takes over while the former counts too, until every node has shown a certificate of it', async () => {
    const rotated = { ...cluster, trust: { ...cluster.trust, ...(await authority.rotate(cluster)) } };
    const roots = trustedRoots(rotated.trust);
    expect(roots).toEqual([rotated.trust.root.certificate, cluster.trust.root.certificate]);
    const next = await authority.certify(rotated, key, node);
    const signedBy = (pem: string) => peerOf(der(pem), roots, 'cluster1', now).signedBy;
    expect(signedBy(certificate)).toBe(cluster.trust.root.digest);
    expect(signedBy(next)).toBe(rotated.trust.root.digest);

    const [before, after] = [certificate, next].map((pem) => ({ signedBy: signedBy(pem) }));
    const nodes = [
      aNode('n1', { allotted: after ?? {} }),
      aNode('n2', { allotted: before ?? {} }),
      aNode('n3'),
    ];
    expect(notRotated(rotated.trust, nodes).map(({ ID }) => ID)).toEqual(['n2', 'n3']);
    expect(notRotated(cluster.trust, nodes)).toEqual([]);

    // Tokens of before the rotation go on: the host that has one knows the former root's digest.
    expect(authority.roleOf(rotated.trust, authority.joinToken(cluster.trust, 'worker'))).toBe('worker');
    // Who trusts only the former root trusts the new one by the certificate in between.
    const { chain } = await authority.ownCredentials(rotated, 'm1');
    const [leaf, between] = chain.split(/(?<=END CERTIFICATE-----\n)/).map((one) => new X509Certificate(one));
    expect(leaf && between && leaf.checkIssued(between) && leaf.verify(between.publicKey)).toBe(true);
    expect(between?.verify(new X509Certificate(cluster.trust.root.certificate).publicKey)).toBe(true);
  });
});

describe('what is sealed', () => {
  it('opens with the same key, for the same purpose, unchanged', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), (purpose, text, at) => {
        const sealed = seal(sealingKey, purpose, text);
        expect(unseal(sealingKey, purpose, sealed)).toBe(text);
        expect(() => unseal(randomBytes(32), purpose, sealed)).toThrow(SealBroken);
        expect(() => unseal(sealingKey, `${purpose}.`, sealed)).toThrow(SealBroken);
        const bytes = Buffer.from(sealed.slice(3), 'base64url');
        bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ 1, at % bytes.length);
        expect(() => unseal(sealingKey, purpose, `v1.${bytes.toString('base64url')}`)).toThrow(SealBroken);
      }),
    );
    for (const sealed of ['', 'v1', 'v1.', 'v1.AAAA', 'v2.AAAA'])
      expect(() => unseal(sealingKey, 'x', sealed)).toThrow(SealBroken);
  });

  it('opens with the same passphrase and salt, however its letters are composed', async () => {
    const salt = randomBytes(saltBytes);
    const key = await keyFromPassphrase('Scha\u0308fchen', salt);
    const sealed = seal(key, 'x', 'text');
    expect(unseal(await keyFromPassphrase('Sch\u00e4fchen', salt), 'x', sealed)).toBe('text');
    for (const other of [
      keyFromPassphrase('Schafchen', salt),
      keyFromPassphrase('Scha\u0308fchen', randomBytes(saltBytes)),
    ])
      expect(await other).not.toEqual(key);
  });

  it('is all that the state holds of keys and tokens', async () => {
    const stored = JSON.stringify(cluster);
    expect(stored).not.toContain('PRIVATE KEY');
    for (const role of ['worker', 'manager'] as const)
      expect(stored).not.toContain(parseJoinToken(authority.joinToken(cluster.trust, role))?.secret);
    expect(() => aVault().open(sealing)).toThrow('is not the key that this state was sealed with');
  });
});
