import { expect, test } from 'vitest';
import { until } from './http.ts';

test('returns the first truthy result', async () => {
  let count = 0;
  const look = () => ++count >= 3 && count;
  expect(await until('three', look, { timeoutMs: 1000, everyMs: 1 })).toBe(3);
});

test('a timeout says what it waited for and what it saw last', async () => {
  const waiting = until(
    'pigs fly',
    (seen) => {
      seen({ pigs: 0 });
      return false;
    },
    { timeoutMs: 20, everyMs: 5 },
  );
  await expect(waiting).rejects.toThrow('Waited 0.02 s in vain until pigs fly. Last seen: {"pigs":0}');
});

test('an error means "not yet", and is told in the end', async () => {
  const waiting = until('it works', () => Promise.reject(new Error('boom')), { timeoutMs: 20, everyMs: 5 });
  await expect(waiting).rejects.toThrow('Last seen: error: boom');
});

test('a look that hangs does not outlive the timeout', async () => {
  const waiting = until('it answers', () => new Promise<boolean>(() => {}), { timeoutMs: 30 });
  await expect(waiting).rejects.toThrow('in vain until it answers');
});
