import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import type { Status } from './status.ts';
import { aContainer, anAssignment, noFiles } from './testing.ts';
import { TaskWorker } from './worker.ts';

/** However busy the machine is. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 30_000 });

it('fails a task whose processes ended while the daemon was away, even if it is just being looked at', async () => {
  let answer = () => Promise.resolve(aContainer());
  const said: Status[] = [];
  const worker = new TaskWorker({
    execute: async (_, { look }) => ({ container: (await look()) ?? null }),
    find: () => answer(),
    onStatus: (status) => said.push(status),
    onForget: () => {},
    clock: () => 1_000,
    aloneSince: () => undefined,
    isCurrent: () => true,
    leaseUntil: () => 0,
    files: noFiles,
    log: pino({ level: 'silent' }),
  });
  const last = () => `${said.at(-1)?.state} ${said.at(-1)?.err}`;
  worker.want('running', anAssignment());
  worker.hint('list');
  worker.open();
  await eventually(() => expect(last()).toBe('running '));
  const { promise, reject } = Promise.withResolvers<never>();
  answer = () => promise;
  worker.hint('die');
  worker.died();
  reject(new Error('connect ENOENT'));
  const failed = 'failed task: its processes ended while the Docker daemon was away';
  await eventually(() => {
    // Told again and again, as long as it is not known.
    worker.died();
    expect(last()).toBe(failed);
  });
  // Once the daemon is back, what it says changes nothing.
  const looked = vi.fn(() => Promise.resolve(aContainer({ phase: 'exited' })));
  answer = looked;
  worker.hint('list');
  await eventually(() => expect(looked).toHaveBeenCalled());
  worker.died();
  expect(last()).toBe(failed);
  worker.close();
});
