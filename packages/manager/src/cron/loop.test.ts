import { expect, it, vi } from 'vitest';
import { isoTime } from '../effects.ts';
import { iterationOf, type Service, type ServiceSpec, stateOf } from '../model/index.ts';
import { type Loops, options, withLoops } from '../services/loops.fixture.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aService } from '../testing.ts';
import { cronLoop } from './loop.ts';

const open = withLoops();
const minute = 60_000;
const hour = 60 * minute;

const nightly = (Labels: Record<string, string>, Image = 'web:1'): Service => {
  const Mode: NonNullable<ServiceSpec['Mode']> = { ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 2 } };
  return aService('nightly', {
    Spec: { Name: 'nightly', Labels, Mode, TaskTemplate: { ContainerSpec: { Image } } },
    JobStatus: { JobIteration: { Index: 0 } },
  });
};
const berlin = (cron: string) => ({ 'shoal.cron': cron, 'shoal.cron.timezone': 'Europe/Berlin' });

/** When runs began, to the minute, from now on. */
function watched(store: TestStore): string[] {
  const began: string[] = [];
  store.watch(({ changes }) => {
    for (const { table, before, after } of changes) {
      if (table !== 'services' || !after || iterationOf(after) === (before && iterationOf(before))) continue;
      began.push(after.JobStatus?.LastExecution?.slice(0, 16) ?? '');
    }
  });
  return began;
}

/** At that time, with hosts, scheduler and orchestrator at work, and a manager that looks at schedules. */
async function begin(at: string, service: Service) {
  vi.setSystemTime(new Date(at));
  const loops = await open(2, [service]);
  const began = watched(loops.store);
  const clock = { offset: 0 };
  const lead = () =>
    loops.run(cronLoop(loops.store, { ...options, timeOfDay: () => Date.now() + clock.offset }));
  return { loops, began, clock, lead };
}

const results = ({ store }: Loops): number =>
  store.view.tasks.by('service', 'nightly').filter((task) => stateOf(task) === 'complete').length;

it('runs once in the night that has no half past two, and once in the one that has two of them', async () => {
  const store = await TestStore.open(memoryBackend(), Date.now);
  const Mode = { ReplicatedJob: { TotalCompletions: 0 } };
  const job = nightly(berlin('30 2 * * *'));
  await store.update((tx) => tx.services.create({ ...job, Spec: { ...job.Spec, Mode } }));
  const began = watched(store);
  const loop = cronLoop(store, { ...options, timeOfDay: Date.now });
  for (const day of ['2026-03-28T22:00Z', '2026-10-24T22:00Z']) {
    vi.setSystemTime(new Date(day));
    await vi.advanceTimersByTimeAsync(28 * hour);
  }
  await loop.close();
  expect(began).toEqual([
    '2026-03-29T01:00',
    '2026-03-30T00:30',
    // Late: no clock has run since.
    '2026-10-24T22:00',
    '2026-10-25T00:30',
    '2026-10-26T01:30',
  ]);
});

it('what was due while no manager led begins once when one does', async () => {
  const { began, lead, loops } = await begin('2026-01-01T12:00Z', nightly(berlin('*/10 * * * *')));
  const close = lead();
  await vi.advanceTimersByTimeAsync(11 * minute);
  await close();
  await vi.advanceTimersByTimeAsync(hour);
  expect(began).toEqual(['2026-01-01T12:10']);
  lead();
  await vi.advanceTimersByTimeAsync(2 * minute);
  expect(began).toEqual(['2026-01-01T12:10', isoTime(Date.now() - 2 * minute).slice(0, 16)]);
  await vi.advanceTimersByTimeAsync(minute);
  expect(results(loops)).toBe(4);
});

it('hears within a minute that the clock was set, forward or back', async () => {
  const { began, clock, lead } = await begin('2026-01-01T12:01Z', nightly(berlin('0 * * * *')));
  lead();
  await vi.advanceTimersByTimeAsync(1.5 * minute);
  clock.offset = hour;
  await vi.advanceTimersByTimeAsync(minute);
  expect(began).toEqual(['2026-01-01T13:03']);
  clock.offset = -5 * hour;
  await vi.advanceTimersByTimeAsync(hour);
  expect(began).toEqual(['2026-01-01T13:03', '2026-01-01T08:00']);
});

it('a run that fails on and on is passed over, replaced or waited for, as its labels say', async () => {
  const labels = (overlap: string) => ({ ...berlin('*/10 * * * *'), 'shoal.cron.overlap': overlap });
  const skipped = await begin('2026-01-01T12:01Z', nightly(labels('skip'), 'broken:1'));
  skipped.lead();
  await vi.advanceTimersByTimeAsync(35 * minute);
  expect(skipped.began).toEqual(['2026-01-01T12:10']);
  const replaced = await begin('2026-01-01T12:01Z', nightly(labels('replace'), 'broken:1'));
  replaced.lead();
  await vi.advanceTimersByTimeAsync(35 * minute);
  expect(replaced.began).toEqual(['2026-01-01T12:10', '2026-01-01T12:20', '2026-01-01T12:30']);
  const queued = await begin('2026-01-01T12:01Z', nightly(labels('queue'), 'broken:1'));
  queued.lead();
  await vi.advanceTimersByTimeAsync(35 * minute);
  expect(queued.began).toEqual(['2026-01-01T12:10']);
  await queued.loops.store.update((tx) => {
    for (const task of tx.tasks.by('service', 'nightly'))
      tx.tasks.update({ ...task, Spec: { ContainerSpec: { Image: 'web:1' } } });
    const service = tx.services.get('nightly');
    const TaskTemplate = { ContainerSpec: { Image: 'web:1' } };
    if (service) tx.services.update({ ...service, Spec: { ...service.Spec, TaskTemplate } });
  });
  await vi.advanceTimersByTimeAsync(3 * minute);
  expect(queued.began).toHaveLength(2);
});

it('a schedule that can not be dealt with holds up no other one', async () => {
  const { loops, began, lead } = await begin('2026-01-01T12:01Z', nightly(berlin('*/10 * * * *')));
  const lost = {
    ...nightly({ 'shoal.cron': '* * * * *', 'shoal.cron.timezone': 'Sea/Atlantis' }),
    ID: 'lost',
  };
  await loops.store.update((tx) => tx.services.create(lost));
  lead();
  await vi.advanceTimersByTimeAsync(10 * minute);
  expect(began).toEqual(['2026-01-01T12:10']);
});

it('a job that a manager with a clock behind the time of day has just got is not due before its time', async () => {
  const { began, clock, lead } = await begin('2026-01-01T12:01Z', nightly(berlin('0 * * * *')));
  clock.offset = 5 * hour;
  lead();
  await vi.advanceTimersByTimeAsync(58 * minute);
  expect(began).toEqual([]);
  await vi.advanceTimersByTimeAsync(2 * minute);
  expect(began).toEqual(['2026-01-01T18:00']);
});
