import { describe, expect, it, vi } from 'vitest';
import { isoTime } from '../effects.ts';
import { nextRun, type Service, type ServiceSpec, stateOf, taskStatus } from '../model/index.ts';
import { aNode, aService } from '../testing.ts';
import type { NamedService } from './draft.ts';
import { withLoops } from './loops.fixture.ts';
import { at, decide, ended, nodesOf, type TaskParts, task } from './testing.ts';

const web = (dependsOn: string): Service =>
  aService('web', { Spec: { ...aService('web').Spec, Labels: { 'shoal.depends-on': dependsOn } } });
const db = aService('db');
const job = (Mode: ServiceSpec['Mode'] = { ReplicatedJob: { MaxConcurrent: 2 } }): Service =>
  aService('job', {
    Spec: { Name: 'job', Mode, TaskTemplate: { RestartPolicy: { Condition: 'none' } } },
    JobStatus: { JobIteration: { Index: 1 }, LastExecution: at(0) },
  });
const inJob = (id: string, slot: number, parts: TaskParts = {}) =>
  ended(id, { slot, ...parts, shoal: { iteration: 1, ...parts.shoal } });

/** Why the task of `web` is held back; undefined when it is not. */
function heldBack(dependsOn: string, named: NamedService | undefined, nodes = nodesOf(aNode('n1'))) {
  const { create } = decide({ service: web(dependsOn), nodes, serviceNamed: () => named });
  expect(create).toHaveLength(1);
  return create[0]?.shoal.awaits;
}

describe('a task waits for a service that it depends on', () => {
  it.each<[string, string, NamedService | undefined, string | undefined]>([
    ['is not there', 'db:started', undefined, 'depends on service db, which is not there'],
    [
      'has no task',
      'db:started',
      { service: db, tasks: [] },
      'depends on service db, of which no task has started',
    ],
    [
      'prepares',
      'db:started',
      { service: db, tasks: [task('d', { state: 'preparing' })] },
      'depends on service db, of which no task has started',
    ],
    ['has started', 'db:started', { service: db, tasks: [task('d', { state: 'starting' })] }, undefined],
    [
      'has started',
      'db:healthy',
      { service: db, tasks: [task('d', { state: 'starting' })] },
      'depends on service db, of which no task is healthy',
    ],
    ['runs', 'db:healthy', { service: db, tasks: [task('d')] }, undefined],
    [
      'is unhealthy',
      'db:healthy',
      { service: db, tasks: [task('d', { change: { Status: { State: 'running', Err: 'unhealthy' } } })] },
      'depends on service db, of which no task is healthy',
    ],
    [
      'is no job',
      'db:completed',
      { service: db, tasks: [task('d')] },
      'depends on service db, which is no job, so it never completes',
    ],
    [
      'has not run',
      'job:completed',
      { service: { ...job(), JobStatus: { JobIteration: { Index: 0 } } }, tasks: [] },
      'depends on service job, which has not run yet',
    ],
    [
      'has done half',
      'job:completed',
      { service: job(), tasks: [inJob('a', 0, { state: 'complete' })] },
      'depends on service job, of which 1 of 2 tasks have completed',
    ],
    [
      'has failed',
      'job:completed',
      { service: job(), tasks: [inJob('a', 0, { state: 'complete' }), inJob('b', 1)] },
      'depends on service job, of which 1 of 2 tasks have completed, and 1 failed',
    ],
    [
      'has completed',
      'job:completed',
      { service: job(), tasks: [0, 1].map((slot) => inJob(`t${slot}`, slot, { state: 'complete' })) },
      undefined,
    ],
    [
      'has made no task yet',
      'job:completed',
      { service: job({ GlobalJob: {} }), tasks: [] },
      'depends on service job, of which 0 of 1 tasks have completed',
    ],
  ])('which %s: %s', (_, dependsOn, named, why) => {
    expect(heldBack(dependsOn, named)).toBe(why);
  });

  it('whose node is down', () => {
    const nodes = nodesOf(aNode('n1', { judged: { state: 'down' } }));
    expect(heldBack('db:started', { service: db, tasks: [task('d')] }, nodes)).toMatch(/no task has started/);
  });

  it('and stays where it is when that one goes', () => {
    const parts = { service: web('db:started'), serviceNamed: () => undefined };
    expect(decide({ ...parts, tasks: [task('w')] })).toMatchObject({ create: [], update: [], remove: [] });
  });
});

const open = withLoops();
const second = 1_000;

it('services start in their order, and each says what it waits for', async () => {
  const migrate = {
    ...aService('migrate', {
      Spec: {
        ...job({ ReplicatedJob: {} }).Spec,
        Name: 'migrate',
        Labels: { 'shoal.depends-on': 'db:healthy' },
      },
    }),
    JobStatus: nextRun({}, isoTime(Date.UTC(2026, 0, 1))),
  };
  const loops = await open(1, [web('migrate:completed,db:healthy'), migrate]);
  await vi.advanceTimersByTimeAsync(10 * second);
  const { view } = loops.store;
  const only = (service: string) => view.tasks.by('service', service)[0];
  const statusOf = (service: string) => {
    const found = only(service);
    return found && taskStatus(found);
  };
  expect(statusOf('migrate')).toMatchObject({
    State: 'pending',
    Err: 'depends on service db, which is not there',
  });
  expect(statusOf('web')).toMatchObject({
    State: 'pending',
    Message: 'waiting for another service',
    Err: 'depends on service migrate, of which 0 of 1 tasks have completed',
  });
  await loops.store.update((tx) => tx.services.create(db));
  await vi.advanceTimersByTimeAsync(10 * second);
  expect(['db', 'migrate', 'web'].map((name) => stateOf(only(name) ?? task('none')))).toEqual([
    'running',
    'complete',
    'running',
  ]);
});
