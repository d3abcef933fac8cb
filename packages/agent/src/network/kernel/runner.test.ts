import { expect, it } from 'vitest';
import { Runner } from './runner.ts';

it('answers requests that come meanwhile by one more run', async () => {
  let runs = 0;
  const runner = new Runner(
    async () => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
    () => {},
  );
  await Promise.all([runner.run(), runner.run(), runner.run()]);
  expect(runs).toBe(2);
});

it('tries again by itself, and keeps who waits', async () => {
  let runs = 0;
  const errors: unknown[] = [];
  const runner = new Runner(
    async () => {
      if (++runs < 3) throw new Error(`try ${runs}`);
    },
    (error) => errors.push((error as Error).message),
  );
  await runner.run();
  expect(errors).toEqual(['try 1', 'try 2']);
});

it('lets nobody wait for ever when closed', async () => {
  const runner = new Runner(
    () => Promise.reject(new Error('no')),
    () => {},
  );
  const waiting = runner.run();
  runner.close();
  await expect(waiting).rejects.toThrow('closed');
  await expect(runner.run()).rejects.toThrow('closed');
});
