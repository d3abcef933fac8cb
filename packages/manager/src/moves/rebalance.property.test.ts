import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWanted, wakeAt } from '../model/index.ts';
import { takesTasks } from '../services/capacity.ts';
import { Simulation } from '../services/simulation.fixture.ts';

type Event =
  | { kind: 'cut' | 'power' | 'ready' | 'drain' | 'active'; node: number }
  | { kind: 'scale'; to: number }
  | { kind: 'wait'; ms: number };

const second = 1_000;
const nodes = 4;
const node = fc.integer({ min: 1, max: nodes });
const anEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.integer({ min: 500, max: 20 * second }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'power' as const), node }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('ready' as const), node }) },
  fc.record({ kind: fc.constantFrom('drain' as const, 'active' as const), node }),
  fc.record({ kind: fc.constant('scale' as const), to: fc.integer({ min: 1, max: 9 }) }),
);

async function apply(simulation: Simulation, event: Event): Promise<void> {
  if (event.kind === 'wait') return;
  if (event.kind === 'scale') return await simulation.scale(event.to);
  const id = `n${event.node}`;
  if (event.kind === 'cut') await simulation.nodeState(id, 'down');
  else if (event.kind === 'power') await simulation.powerOff(id);
  else if (event.kind === 'ready') {
    await simulation.nodeState(id, 'heard');
    const before = simulation.served();
    await simulation.runAgents();
    // Where two must not run side by side, one that starts already takes the place of one that comes back.
    if (simulation.service.Spec.UpdateConfig?.Order === 'stop-first') return;
    for (const slot of before) expect(simulation.served()).toContain(slot);
  } else await simulation.availability(id, event.kind);
}

/** Tasks of the service by node, nodes without any included. */
function spread(simulation: Simulation): number[] {
  const counts = Array.from({ length: nodes }, () => 0);
  for (const { NodeID } of simulation.running()) {
    const index = Number(NodeID?.slice(1)) - 1;
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

/**
 * Lets time pass. However many tasks are moved or come back, no slot that was served is left without; but one that is
 * moved stop-first, for a moment.
 */
async function pass(simulation: Simulation, ms: number, tickMs = 500): Promise<void> {
  let most = 0;
  for (const end = simulation.now + ms; simulation.now < end; ) {
    const before = simulation.served();
    await simulation.tick(tickMs);
    const after = simulation.served();
    const drained = [...simulation.store.view.nodes.all()].some(({ Spec }) => Spec.Availability === 'drain');
    const left = [...before].filter((slot) => !after.has(slot));
    const stopFirst = simulation.service.Spec.UpdateConfig?.Order === 'stop-first';
    if (!drained) expect(left.length).toBeLessThanOrEqual(stopFirst ? 1 : 0);
    const moving = simulation.tasks.filter(
      (task) => isWanted(task) && task.shoal.moves && task.shoal.runningSince === undefined,
    );
    most = Math.max(most, moving.length);
  }
  expect(most).toBeLessThanOrEqual(1);
}

/** Where it waits it says for how long, and until then it begins nothing; nothing is uneven in silence. */
function checkWaits(simulation: Simulation): void {
  const { now } = simulation;
  const { begun, waits } = simulation.moves(now);
  if (begun > 0) return;
  for (const { until = now + 1 } of waits) expect(until).toBeGreaterThan(now);
  const next = wakeAt(waits);
  const end = next ?? now + 3_600 * second;
  for (const time of [now + 1, Math.floor((now + end) / 2), end - 1])
    if (time > now && time < end) expect(simulation.moves(time).begun, `${time - now} ms later`).toBe(0);
  if (next !== undefined) {
    const due = simulation.moves(next);
    expect(due.begun > 0 || JSON.stringify(due.waits) !== JSON.stringify(waits)).toBe(true);
  }
  const usable = [...simulation.store.view.nodes.all()].filter(takesTasks).map(({ ID }) => ID);
  const counts = spread(simulation).filter((_, index) => usable.includes(`n${index + 1}`));
  if (Math.max(...counts) - Math.min(...counts) >= 2) expect(waits).not.toEqual([]);
}

const lives = (simulation: Simulation) =>
  simulation
    .running()
    .map(({ ID }) => ID)
    .sort();

describe('after any losses and returns', () => {
  it('every slot stays served, the spread ends even, and then nothing moves any more', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anEvent, { maxLength: 25, size: 'max' }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom('start-first' as const, 'stop-first' as const),
        async (events, replicas, Order) => {
          const simulation = await Simulation.open(nodes);
          simulation.rebalances = true;
          await simulation.change({ Mode: { Replicated: { Replicas: replicas } }, UpdateConfig: { Order } });
          for (const event of events) {
            await apply(simulation, event);
            if (event.kind === 'scale') await simulation.tick(500);
            await pass(simulation, event.kind === 'wait' ? event.ms : 500);
            checkWaits(simulation);
          }
          for (let n = 1; n <= nodes; n++) {
            await simulation.nodeState(`n${n}`, 'heard');
            await simulation.availability(`n${n}`, 'active');
          }
          await pass(simulation, 15 * 60 * second, 3 * second);
          const wanted = simulation.service.Spec.Mode?.Replicated?.Replicas ?? 0;
          expect(simulation.tasks.filter(isWanted)).toHaveLength(wanted);
          const counts = spread(simulation);
          expect(counts.reduce((sum, count) => sum + count)).toBe(wanted);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          const before = lives(simulation);
          await pass(simulation, 10 * 60 * second, 10 * second);
          expect(lives(simulation)).toEqual(before);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});
