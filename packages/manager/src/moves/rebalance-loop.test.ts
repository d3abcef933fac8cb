import { describe, expect, it, vi } from 'vitest';
import { compareStates, stateOf } from '../model/index.ts';
import { type Loops, options, withLoops } from '../services/loops.fixture.ts';
import { aService } from '../testing.ts';
import { rebalanceLoop } from './rebalance-loop.ts';

const open = withLoops();

/** Three nodes, of which n3 is away. */
async function aCluster(services: number, replicas: number): Promise<{ loops: Loops; stop: () => unknown }> {
  const Spec = { Mode: { Replicated: { Replicas: replicas } } };
  const loops = await open(
    3,
    Array.from({ length: services }, (_, n) => aService(`s${n + 1}`, { Spec })),
  );
  await loops.setState('n3', 'down');
  const stop = loops.run(rebalanceLoop(loops.store, options));
  return { loops, stop };
}

describe('the loop', () => {
  it('evens out all services, few at a time, and then rests', async () => {
    const { loops } = await aCluster(10, 6);
    const { store } = loops;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(loops.spread('s1')).toEqual([3, 3, 0]);
    let most = 0;
    let moves = 0;
    const unwatch = store.watch(({ changes }) => {
      for (const change of changes)
        if (change.table === 'tasks' && !change.before && change.after?.shoal.moves) moves++;
      const underWay = [...store.view.tasks.all()].filter(
        (task) => task.shoal.moves && compareStates(stateOf(task), 'running') < 0,
      );
      most = Math.max(most, underWay.length);
    });
    await loops.setState('n3', 'heard');
    await vi.advanceTimersByTimeAsync(300_000);
    for (let n = 1; n <= 10; n++) expect(loops.spread(`s${n}`)).toEqual([2, 2, 2]);
    expect({ moves, most }).toEqual({ moves: 20, most: 4 });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(moves).toBe(20);
    unwatch();
  });

  it('goes on where the one before it was stopped', async () => {
    const { loops, stop } = await aCluster(1, 6);
    await vi.advanceTimersByTimeAsync(10_000);
    await loops.setState('n3', 'heard');
    await vi.advanceTimersByTimeAsync(6_000);
    expect(loops.spread('s1')).toEqual([3, 3, 1]);
    await stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(loops.spread('s1').toSorted()).toEqual([1, 2, 3]);
    loops.run(rebalanceLoop(loops.store, options));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(loops.spread('s1')).toEqual([2, 2, 2]);
  });
});
