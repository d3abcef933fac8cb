import { X509Certificate } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { aCluster } from '../testing.ts';
import { Authority } from '../trust/index.ts';
import { aVault } from '../trust/testing.ts';
import { OwnCertificate } from './own-certificate.ts';

const dayMs = 24 * 3_600_000;
const minuteMs = 60_000;
const vault = aVault();
const sealing = vault.begin(true);
const authority = new Authority({ vault, clock: () => Date.now() });

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

async function aPort() {
  const cluster = aCluster({ ID: 'c', sealing, trust: await authority.begin({ ID: 'c', sealing }) });
  let shown: X509Certificate | undefined;
  const own = new OwnCertificate({
    cluster: () => cluster,
    authority,
    managerId: 'm',
    random: () => 0,
    log: pino({ level: 'silent' }),
    show: ({ cert }) => {
      shown = new X509Certificate(String(cert));
    },
  });
  await own.begin();
  return { own, shown: () => shown as X509Certificate };
}

it.each([
  ['on', 46 * dayMs],
  ['back', -2 * dayMs],
])('a clock that is set %s is followed within a minute', async (_, byMs) => {
  const { own, shown } = await aPort();
  const before = shown();
  await vi.advanceTimersByTimeAsync(minuteMs);
  await own.settled();
  expect(shown().serialNumber).toBe(before.serialNumber);

  vi.setSystemTime(Date.now() + byMs);
  await vi.advanceTimersByTimeAsync(minuteMs);
  await own.settled();
  const after = shown();
  expect(after.serialNumber).not.toBe(before.serialNumber);
  expect(after.validFromDate.getTime()).toBeLessThanOrEqual(Date.now());
  own.close();
});
