import { describe, expect, it, vi } from 'vitest';
import { statusOf, toTaskStatus } from './status.ts';
import { aContainer, aHost, anAssignment } from './testing.ts';

const settled = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 2 });
const leftover = (taskId: string) => ({
  ...aContainer({ id: `c-${taskId}` }),
  taskId,
  name: `web.1.${taskId}`,
});

describe('without a manager', () => {
  const restart = { condition: 'any', delayMs: 20, maxAttempts: 0, windowMs: 0 };
  const assignment = anAssignment('t1', 'running', { restart });

  it('what ends is started again, and gets no traffic until then', async () => {
    const { daemon, said, tasks, assign, time } = aHost();
    tasks.list([]);
    assign(assignment);
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    tasks.contact(false);
    time.now += 10_000;
    daemon.change('c-t1', { phase: 'exited', exitCode: 1 });
    tasks.hint('t1', 'die');
    await settled(() => expect(tasks.unfit()).toEqual(new Set(['t1'])));
    time.now += 20;
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(daemon.calls.filter((call) => call.startsWith('start'))).toHaveLength(2);
    expect(tasks.unfit()).toEqual(new Set());
    expect(said.some((line) => line.includes('failed'))).toBe(false);
  });

  it('an end that the manager did not accept is taken back; one that it did stays', async () => {
    const { daemon, said, tasks, assign, time } = aHost();
    tasks.list([]);
    tasks.contact(true);
    assign(assignment, anAssignment('t2', 'running', { restart }));
    await settled(() => expect(said.filter((line) => line.endsWith('running'))).toHaveLength(2));
    for (const id of ['t1', 't2']) {
      daemon.change(`c-${id}`, { phase: 'exited', exitCode: 1 });
      tasks.hint(id, 'die');
    }
    await settled(() => expect(said.filter((line) => line.includes('failed'))).toHaveLength(2));
    tasks.accepted(['t2']);
    tasks.contact(false);
    time.now += 10_000;
    for (const id of ['t1', 't2']) tasks.hint(id, 'list');
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(daemon.calls.filter((call) => call === 'start c-t2')).toHaveLength(1);
  });

  it('what ran when the host lost power runs again', async () => {
    const { daemon, said, tasks, time } = aHost();
    daemon.containers.set('c-t1', { ...leftover('t1'), phase: 'exited', exitCode: 255 });
    const statuses = new Map([['t1', toTaskStatus('t1', statusOf('running'), 5)]]);
    tasks.assign(new Map([['t1', assignment]]), { complete: false, earlier: { statuses, rebooted: true } });
    tasks.list(daemon.list());
    await settled(() => expect(tasks.unfit()).toEqual(new Set(['t1'])));
    tasks.contact(false);
    time.now += 2_000;
    tasks.hint('t1', 'list');
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(daemon.calls.some((call) => call.startsWith('create'))).toBe(false);
  });
});
