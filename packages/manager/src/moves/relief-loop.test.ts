import { describe, expect, it, vi } from 'vitest';
import { isWanted, type Node, type Service, type ServiceSpec, type Task } from '../model/index.ts';
import { type Loops, options, withLoops } from '../services/loops.fixture.ts';
import { isRunning } from '../services/presence.ts';
import { aService } from '../testing.ts';
import { rebalanceLoop } from './rebalance-loop.ts';
import { reliefLoop } from './relief-loop.ts';

const open = withLoops();
const MiB = 2 ** 20;

const service = (id: string, replicas: number, spec: Partial<ServiceSpec> = {}): Service =>
  aService(id, { Spec: { Name: id, Mode: { Replicated: { Replicas: replicas } }, ...spec } });
const priority = (value: number) => ({ Labels: { 'shoal.priority': String(value) } });

/** Everything runs, and the loops that move tasks are at work; tasks use as much memory as is said of their service. */
async function aCluster(nodes: number, services: readonly Service[], uses: Record<string, number> = {}) {
  const loops = await open(nodes, services);
  const memory = async (nodeId: string) =>
    new Map(
      loops.store.view.tasks
        .by('node', nodeId)
        .filter(isRunning)
        .map(({ ID, ServiceID }) => [ID, (uses[ServiceID] ?? 0) * MiB]),
    );
  loops.run(reliefLoop(loops.store, { ...options, memory }));
  loops.run(rebalanceLoop(loops.store, options));
  await vi.advanceTimersByTimeAsync(30_000);
  return loops;
}

function press(loops: Loops, id: string, kind?: string): Promise<void> {
  return loops.setNode(id, (node): Node => {
    const { pressures: _, ...reported } = node.reported;
    const pressures = kind && [{ kind, message: `short of ${kind}` }];
    return { ...node, reported: { ...reported, ...(pressures && { pressures }) } };
  });
}

const left = ({ store }: Loops): Task[] =>
  [...store.view.tasks.all()].filter(({ shoal }) => shoal.stopReason === 'node-pressure');

describe('a node under pressure', () => {
  it('loses tasks one at a time, lowest priority first, and no service ever runs less than it should', async () => {
    const loops = await aCluster(2, [
      service('high', 2, priority(10)),
      service('low', 2, priority(-10)),
      service('plain', 2),
    ]);
    const least = new Map<string, number>();
    const unwatch = loops.store.watch(() => {
      for (const { ID } of loops.store.view.services.all()) {
        const count = loops.store.view.tasks
          .by('service', ID)
          .filter((t) => isRunning(t) && isWanted(t)).length;
        least.set(ID, Math.min(count, least.get(ID) ?? count));
      }
    });
    await press(loops, 'n1', 'pids');
    await vi.advanceTimersByTimeAsync(9_000);
    expect(left(loops)).toEqual([]);
    const order: (string | undefined)[] = [];
    for (let seconds = 0; seconds < 200; seconds++) {
      await vi.advanceTimersByTimeAsync(1_000);
      const now = left(loops).map(({ ServiceID }) => ServiceID);
      if (now.length > order.length) {
        expect(now.length).toBe(order.length + 1);
        order.push(now.find((id) => !order.includes(id)));
      }
    }
    expect(order).toEqual(['low', 'plain', 'high']);
    expect(Object.fromEntries(least)).toEqual({ high: 2, low: 2, plain: 2 });
    expect(['high', 'low', 'plain'].map((id) => loops.spread(id))).toEqual([
      [0, 2],
      [0, 2],
      [0, 2],
    ]);
    unwatch();
  });

  it('keeps the rest when the pressure ends, and gets moved tasks only much later', async () => {
    const loops = await aCluster(2, [service('a', 4), service('b', 4)]);
    await press(loops, 'n1', 'memory');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(left(loops)).toHaveLength(1);
    await press(loops, 'n1');
    await vi.advanceTimersByTimeAsync(4 * 60_000);
    expect([loops.spread('a'), loops.spread('b')].sort()).toEqual([
      [1, 3],
      [2, 2],
    ]);
    await vi.advanceTimersByTimeAsync(3 * 60_000);
    expect([loops.spread('a'), loops.spread('b')]).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect(left(loops)).toHaveLength(1);
  });

  it('short of memory, loses first what uses more than it reserved', async () => {
    const reserved = { TaskTemplate: { Resources: { Reservations: { MemoryBytes: 100 * MiB } } } };
    const loops = await aCluster(
      2,
      [
        service('frugal', 2, { ...reserved, ...priority(-10) }),
        service('greedy', 2, { ...reserved, ...priority(10) }),
      ],
      { frugal: 90, greedy: 300 },
    );
    await press(loops, 'n1', 'memory');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(left(loops).map(({ ServiceID }) => ServiceID)).toEqual(['greedy']);
  });

  it('keeps what has no better place, what is bound to it, and what can not run twice', async () => {
    const loops = await aCluster(2, [
      service('bound', 1, { TaskTemplate: { Placement: { Constraints: ['node.hostname==n1'] } } }),
      service('global', 1, { Mode: { Global: {} } }),
      service('alone', 2, { UpdateConfig: { Order: 'stop-first' } }),
    ]);
    await press(loops, 'n2', 'disk');
    await press(loops, 'n1', 'disk');
    await vi.advanceTimersByTimeAsync(120_000);
    await press(loops, 'n2');
    await vi.advanceTimersByTimeAsync(600_000);
    expect([...loops.store.view.tasks.all()].filter(({ shoal }) => shoal.moves)).toEqual([]);
  });

  it('sends nothing to a node that was under pressure itself not long ago', async () => {
    const loops = await aCluster(2, [service('a', 2)]);
    await press(loops, 'n2', 'memory');
    await vi.advanceTimersByTimeAsync(5_000);
    await press(loops, 'n2');
    await press(loops, 'n1', 'memory');
    await vi.advanceTimersByTimeAsync(240_000);
    expect(loops.spread('a')).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(loops.spread('a')).toEqual([0, 2]);
  });

  it('is relieved further by the manager after the one that began', async () => {
    const loops = await open(2, [service('a', 4)]);
    const memory = () => Promise.reject(new Error('not connected'));
    const first = reliefLoop(loops.store, { ...options, memory });
    await vi.advanceTimersByTimeAsync(30_000);
    await press(loops, 'n1', 'memory');
    for (let seconds = 0; seconds < 60 && loops.spread('a').join() === '2,2'; seconds++)
      await vi.advanceTimersByTimeAsync(250);
    await first.close();
    loops.run(reliefLoop(loops.store, { ...options, memory }));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(loops.spread('a')).toEqual([0, 4]);
    expect(left(loops)).toHaveLength(2);
  });
});
