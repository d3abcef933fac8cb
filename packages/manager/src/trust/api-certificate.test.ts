import { X509Certificate } from 'node:crypto';
import { parseSubject } from '@shoal/proto/rules';
import { describe, expect, it } from 'vitest';
import { aCluster } from '../testing.ts';
import { apiCertificate } from './api-certificate.ts';
import { Authority } from './authority.ts';
import { withoutFormer } from './rotation.ts';
import { aVault } from './testing.ts';

const day = 24 * 3_600_000;
let now = Date.UTC(2026, 0, 1);
const vault = aVault();
const sealing = vault.begin(true);
const authority = new Authority({ vault, clock: () => now });
const first = {
  ...aCluster({ ID: 'cluster', sealing, trust: await authority.begin({ ID: 'cluster', sealing }) }),
};
let present = first;
const view = { clusters: { size: 1, all: () => [present], get: () => present, by: () => [] } } as never;
const at = [
  { type: 'dns', value: 'shoal.example' },
  { type: 'ip', value: '10.0.0.9' },
] as const;
const certificate = apiCertificate(view, authority, { at, clock: () => now, random: () => 0 });

describe('the certificate of the API', () => {
  it('is signed by the root, for servers of its names, and no agent takes it for a manager', async () => {
    const { cert, ca } = await certificate();
    const shown = new X509Certificate(cert);
    expect(shown.checkIssued(new X509Certificate(ca))).toBe(true);
    expect(shown.checkHost('shoal.example')).toBe('shoal.example');
    expect(shown.checkIP('10.0.0.9')).toBe('10.0.0.9');
    expect(shown.checkHost('localhost')).toBeUndefined();
    expect(shown.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(parseSubject(shown.subject)).toBeUndefined();
  });

  it('stays the same for half of its time, and is another one then', async () => {
    const { cert } = await certificate();
    now += 44 * day;
    expect((await certificate()).cert).toBe(cert);
    now += 2 * day;
    expect((await certificate()).cert).not.toBe(cert);
  });

  it('is another one when the clock was set back to before it counts', async () => {
    const { cert } = await certificate();
    now -= 2 * day;
    const next = await certificate();
    expect(next.cert).not.toBe(cert);
    expect(new X509Certificate(next.cert).validFromDate.getTime()).toBeLessThanOrEqual(now);
    now += 2 * day;
    expect((await certificate()).cert).toBe(next.cert);
  });

  it('is of the new root at once, while users of the former one are let in until it counts no more', async () => {
    const before = await certificate();
    present = { ...first, trust: { ...first.trust, ...(await authority.rotate(first)) } };
    const during = await certificate();
    const [leaf = '', crossSigned = ''] = during.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(new X509Certificate(leaf).checkIssued(new X509Certificate(crossSigned))).toBe(true);
    expect(new X509Certificate(crossSigned).checkIssued(new X509Certificate(before.ca))).toBe(true);
    expect(during.ca).toContain(before.ca);
    present = { ...present, trust: withoutFormer(present.trust) };
    expect((await certificate()).ca).not.toContain(before.ca);
  });
});

it("a user's certificate says its role, and is no node's", async () => {
  const made = await authority.userCredentials(present, { name: 'ann', role: 'operator' }, day);
  const shown = new X509Certificate(made.certificate);
  expect(shown.subject).toBe('CN=ann\nOU=shoal-operator\nO=cluster');
  expect(shown.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(shown.validToDate.getTime()).toBe(now + day);
  expect(parseSubject(shown.subject)).toBeUndefined();
});
