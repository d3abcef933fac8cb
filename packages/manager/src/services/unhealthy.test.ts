import { describe, expect, it } from 'vitest';
import type { Observed, ServiceSpec, Task } from '../model/index.ts';
import { aService } from '../testing.ts';
import { at, decide, ended, epochMs, task } from './testing.ts';

const web = aService('web');
const withSpec = (spec: Partial<ServiceSpec>) => aService('web', { Spec: { ...web.Spec, ...spec } });

/** A task that has run since `ran`, and whose host says at 50 s that it stops it for its health. */
function unhealthy(spec: ServiceSpec, ran = 1_000, change: Partial<Observed> = {}): Task {
  const observed: Observed = {
    state: 'running',
    at: at(ran),
    err: 'task: unhealthy container',
    unhealthy: true,
    unfitSince: at(50_000),
    ...change,
  };
  return { ...task('a', { since: ran }), Spec: spec.TaskTemplate ?? {}, observed };
}

describe('a task that turns unhealthy', () => {
  it('is followed by another one at once, which starts beside it', () => {
    const { create, update, waits } = decide({ tasks: [unhealthy(web.Spec)] });
    expect(create).toMatchObject([{ ID: 'new1', Slot: 1, DesiredState: 'running' }]);
    expect(update).toEqual([]);
    expect(waits).toContainEqual(
      expect.objectContaining({
        why: 'task a to stop: task: unhealthy container',
        about: { kind: 'task', id: 'a' },
      }),
    );
  });

  it('is left to its host to stop, also when the other one runs', () => {
    const tasks = [task('b', { created: 51_000, since: 52_000, node: 'n2' }), unhealthy(web.Spec)];
    expect(decide({ tasks })).toMatchObject({ create: [], update: [] });
  });

  it('and has ended is history, with its failure, and nothing more is made', () => {
    const tasks = [task('b', { created: 51_000, since: 52_000, node: 'n2' }), ended('a', { since: 53_000 })];
    expect(decide({ tasks })).toMatchObject({ create: [], update: [], remove: [] });
  });

  const template = (parts: object) => withSpec({ TaskTemplate: { ...web.Spec.TaskTemplate, ...parts } });
  const delay = template({ RestartPolicy: { Delay: 30e9 } });
  it('has a successor that waits where the restart policy names a delay', () => {
    const { create } = decide({ service: delay, tasks: [unhealthy(delay.Spec)] });
    expect(create).toMatchObject([{ DesiredState: 'ready', shoal: { startAfter: epochMs + 90_000 } }]);
  });

  const alone = withSpec({ UpdateConfig: { Order: 'stop-first' } });
  const none = template({ RestartPolicy: { Condition: 'none' } });
  const few = template({ RestartPolicy: { MaxAttempts: 3 } });
  it.each([
    ['two can not run side by side', { service: alone, tasks: [unhealthy(alone.Spec)] }],
    ['it had begun only just now', { tasks: [unhealthy(web.Spec, 45_000)] }],
    ['nothing is started again', { service: none, tasks: [unhealthy(none.Spec)] }],
    ['attempts are counted', { service: few, tasks: [unhealthy(few.Spec)] }],
    ['it is only not ready', { tasks: [unhealthy(web.Spec, 1_000, { unhealthy: undefined as never })] }],
  ])('has none before it has ended where %s', (_what, parts) => {
    expect(decide(parts).create).toEqual([]);
  });
});
