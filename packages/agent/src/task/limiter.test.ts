import { expect, it } from 'vitest';
import { Limiter } from './limiter.ts';

function job() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, finish: resolve };
}

it('lets only so many through, urgent ones first', async () => {
  const limiter = new Limiter(1);
  const first = job();
  const order: string[] = [];
  const note = (name: string) => async () => {
    order.push(name);
  };
  const all = [
    limiter.run(first.work),
    limiter.run(note('calm 1')),
    limiter.run(note('calm 2')),
    limiter.run(note('urgent 1'), { urgent: true }),
    limiter.run(note('urgent 2'), { urgent: true }),
  ];
  await Promise.resolve();
  expect(order).toEqual([]);
  first.finish();
  await Promise.all(all);
  expect(order).toEqual(['urgent 1', 'urgent 2', 'calm 1', 'calm 2']);
});

it('frees the place of work that failed', async () => {
  const limiter = new Limiter(1);
  await expect(limiter.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await limiter.run(async () => 'next')).toBe('next');
});

it('lets go of those who no longer want to wait', async () => {
  const limiter = new Limiter(1);
  const first = job();
  const holding = limiter.run(first.work);
  const abort = new AbortController();
  const waiting = limiter.run(async () => 'never', { signal: abort.signal });
  const last = limiter.run(async () => 'last');
  abort.abort(new Error('no longer wanted'));
  await expect(waiting).rejects.toThrow('no longer wanted');
  first.finish();
  expect(await last).toBe('last');
  await holding;
});
