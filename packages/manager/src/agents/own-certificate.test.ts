import { randomBytes, X509Certificate } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { aCluster } from '../testing.ts';
import { Authority } from '../trust/index.ts';
import { OwnCertificate } from './own-certificate.ts';

const dayMs = 24 * 3_600_000;
const minuteMs = 60_000;
const authority = new Authority({ sealingKey: randomBytes(32), clock: () => Date.now() });

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

async function aPort() {
  const cluster = aCluster({ ID: 'c', trust: await authority.begin('c') });
  const own = new OwnCertificate({
    cluster: () => cluster,
    authority,
    managerId: 'm',
    random: () => 0,
    log: pino({ level: 'silent' }),
  });
  await own.begin();
  const shown = () => new X509Certificate(String(own.credentials._getSecureContextOptions()?.cert));
  return { own, shown };
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
