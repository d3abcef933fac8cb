import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { network, peer, state } from '../state/builders.fixture.ts';
import { isDue, KeyRotation, type KeyView, lifetimeOf } from './key-rotation.ts';

const hour = 3_600_000;
const encrypted = state({ self: peer(1, { key: 'K' }), networks: [network(1, { encrypted: true })] });
const view: KeyView = {
  ageMs: 12 * hour,
  lifetimeMs: 12 * hour,
  publicKey: 'K',
  state: encrypted,
  isTold: true,
};

it.each<[string, Partial<KeyView>, boolean]>([
  ['is old', {}, true],
  ['is not old', { ageMs: 12 * hour - 1 }, false],
  ['comes from the future, by a clock that was put back', { ageMs: -hour }, false],
  ['is old, but nobody could tell the others of a new one', { isTold: false }, false],
  ['is old, but the others do not know it yet', { publicKey: 'NEW' }, false],
  ['is not used', { state: state({ self: peer(1, { key: 'K' }), networks: [network(1)] }) }, false],
  ['is of a host that knows nothing yet', { state: undefined }, false],
])('a key that %s', (_name, change, due) => expect(isDue({ ...view, ...change })).toBe(due));

it('serves about twelve hours', () => {
  expect(lifetimeOf(0)).toBeCloseTo(10.8 * hour);
  expect(lifetimeOf(1)).toBeCloseTo(13.2 * hour);
});

it('is announced once in use, though the rest of the data path is not as it should be', async () => {
  vi.useFakeTimers();
  let inUse = 'K';
  const told: string[] = [];
  const rotation = new KeyRotation({
    view: () => ({ publicKey: inUse, state: encrypted, isTold: true }),
    madeAt: () => 0,
    // The key is in use, but what is to come after it fails again and again.
    rotate: () => {
      inUse = 'NEW';
      return new Promise(() => {});
    },
    announce: () => void told.push(inUse),
    clock: () => 14 * hour,
    random: () => 0,
    log: pino({ level: 'silent' }),
  });
  onTestFinished(() => {
    rotation.close();
    vi.useRealTimers();
  });
  rotation.start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told.at(-1)).toBe('NEW');
});
