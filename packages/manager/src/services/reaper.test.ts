import { describe, expect, it } from 'vitest';
import { aNode, aService } from '../testing.ts';
import { decide, ended, nodesOf, task } from './testing.ts';

const history = (count: number, slot = 1) =>
  Array.from({ length: count }, (_, index) =>
    ended(`old${index}`, { slot, created: index, since: index + 1 }),
  );
const live = task('live', { created: 50_000 });

describe('history', () => {
  it('keeps the newest ended tasks of a slot beside the live one', () => {
    expect(decide({ tasks: [...history(5), live] }).remove).toEqual([]);
    expect(decide({ tasks: [...history(7), live] }).remove).toEqual(['old0', 'old1']);
    expect(decide({ tasks: [...history(2), live], historyLimit: 0 }).remove).toEqual(['old0', 'old1']);
    expect(decide({ tasks: [...history(99), live], historyLimit: -1 }).remove).toEqual([]);
  });

  it('counts a task that ends just now', () => {
    const failed = task('x', { created: 50_000, state: 'failed' });
    expect(decide({ tasks: [...history(5), failed] }).remove).toEqual(['old0']);
  });

  it('keeps what a restart policy has to remember', () => {
    const Spec = { RestartPolicy: { Condition: 'none' as const } };
    const service = aService('web', { Spec: { TaskTemplate: Spec } });
    const last = ended('last', { change: { Spec } });
    expect(decide({ service, tasks: [last], historyLimit: 0 })).toMatchObject({ create: [], remove: [] });
    const dropped = ended('next', { created: 1, shoal: { stopReason: 'surplus' } });
    expect(decide({ service, tasks: [last, dropped], historyLimit: 0 })).toMatchObject({
      create: [],
      remove: ['next'],
    });
    const counting = aService('web', { Spec: { TaskTemplate: { RestartPolicy: { MaxAttempts: 8 } } } });
    expect(decide({ service: counting, tasks: [...history(10), live] }).remove).toEqual(['old0']);
  });

  it('may contain tasks that nobody could stop, of nodes that are down', () => {
    const nodes = nodesOf(aNode('n1'), aNode('n2', { judged: { state: 'down' } }));
    const orphaned = ['a', 'b'].map((id) => task(id, { node: 'n2', change: { DesiredState: 'shutdown' } }));
    expect(decide({ nodes, tasks: [...orphaned, live], historyLimit: 1 }).remove).toEqual(['a']);
  });

  it('never contains a task that is still stopping', () => {
    const leaving = task('a', { change: { DesiredState: 'shutdown' }, shoal: { stopReason: 'replaced' } });
    expect(decide({ tasks: [leaving, live], historyLimit: 0 }).remove).toEqual([]);
  });
});
