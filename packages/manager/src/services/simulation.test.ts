import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWanted, slotKey, stateOf, type Task, type UpdateConfig } from '../model/index.ts';
import { decideService } from './decide.ts';
import { type Decision, Draft } from './draft.ts';
import { updateRules } from './policy.ts';
import { endedByItself, isUnassigned, presenceOf } from './presence.ts';
import { Simulation } from './simulation.fixture.ts';
import { isCurrent } from './update/update-state.ts';
import { checkWaits, writes } from './waits.fixture.ts';

/** Something that happens to a cluster between two rounds. */
type Event =
  | { kind: 'scale'; to: number }
  | { kind: 'deploy'; image: string }
  | { kind: 'limit'; MiB: number }
  | { kind: 'fail' | 'complete'; which: number }
  | { kind: 'down' | 'ready' | 'drain' | 'active' | 'pause'; node: number }
  | { kind: 'wait'; ms: number };

const anEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 10, max: 8_000 }) }),
  },
  fc.record({ kind: fc.constant('scale' as const), to: fc.integer({ min: 0, max: 5 }) }),
  fc.record({
    kind: fc.constant('deploy' as const),
    image: fc.constantFrom('web:2', 'web:3', 'broken:1', 'absent:1'),
  }),
  fc.record({ kind: fc.constant('limit' as const), MiB: fc.nat(2) }),
  fc.record({ kind: fc.constantFrom('fail' as const, 'complete' as const), which: fc.nat(20) }),
  fc.record({
    kind: fc.constantFrom(
      'down' as const,
      'ready' as const,
      'drain' as const,
      'active' as const,
      'pause' as const,
    ),
    node: fc.integer({ min: 1, max: 3 }),
  }),
);

const aConfig: fc.Arbitrary<UpdateConfig> = fc.record({
  Parallelism: fc.integer({ min: 0, max: 2 }),
  Delay: fc.constantFrom(0, 2e9),
  FailureAction: fc.constantFrom('pause' as const, 'continue' as const, 'rollback' as const),
  MaxFailureRatio: fc.constantFrom(0, 0.5),
  Order: fc.constantFrom(null, 'stop-first' as const, 'start-first' as const),
});

async function apply(simulation: Simulation, event: Event): Promise<void> {
  switch (event.kind) {
    case 'wait':
      simulation.now += event.ms;
      return;
    case 'scale':
      if (simulation.service.Spec.Mode?.Replicated) await simulation.scale(event.to);
      return;
    case 'deploy':
      await simulation.deploy(event.image);
      return;
    case 'limit': {
      const Resources = { Limits: { MemoryBytes: event.MiB * 2 ** 20 } };
      await simulation.change({ TaskTemplate: { ...simulation.service.Spec.TaskTemplate, Resources } });
      return;
    }
    case 'fail':
    case 'complete': {
      const started = simulation.tasks.filter((task) => !isUnassigned(task));
      const task = started[event.which % Math.max(1, started.length)];
      if (task) await simulation.observe(task.ID, event.kind === 'fail' ? 'failed' : 'complete');
      return;
    }
    case 'down':
    case 'ready':
      await simulation.nodeState(`n${event.node}`, event.kind === 'down' ? 'down' : 'heard');
      return;
    default:
      await simulation.availability(`n${event.node}`, event.kind);
  }
}

const bySlot = (tasks: readonly Task[]) => Map.groupBy(tasks, slotKey);

/** One of two moves, or came back with its node while the other was on its way. */
const isHandedOver = (tasks: readonly Task[]): boolean =>
  tasks.some(({ shoal }) => shoal.moves !== undefined || shoal.returnedAt !== undefined) &&
  tasks.filter((task) => stateOf(task) === 'running').length === 1;

/** What has to hold after every round, whatever happened before. */
function checkInvariants(simulation: Simulation): void {
  const { service, snapshot } = simulation;
  const draft = new Draft(snapshot);
  const rules = updateRules(service);
  const live = simulation.tasks.filter((task) => presenceOf(task, snapshot.nodes) === 'live');
  const current = live.filter(({ shoal }) => shoal.specVersion === service.shoal.specVersion);
  let handovers = 0;
  let excused = 0;
  for (const [key, tasks] of bySlot(live)) {
    expect(tasks.length, `live tasks in ${key}`).toBeLessThanOrEqual(2);
    const displaced = tasks.some(
      ({ NodeID }) => snapshot.nodes.get(NodeID ?? '')?.Spec.Availability === 'drain',
    );
    if (tasks.length === 2) handovers++;
    // Beside an old task, the successor of one that failed waits for its turn.
    const failed = draft.tasksIn(key).tasks.some((task) => isCurrent(task, service) && endedByItself(task));
    if (displaced || failed || isHandedOver(tasks)) excused++;
  }
  for (const [key, tasks] of bySlot(current)) {
    const usable = tasks.filter(
      ({ NodeID }) => snapshot.nodes.get(NodeID ?? '')?.Spec.Availability !== 'drain',
    );
    expect(usable.length, `up-to-date tasks in ${key}`).toBeLessThanOrEqual(isHandedOver(usable) ? 2 : 1);
  }
  expect(handovers).toBeLessThanOrEqual(rules.parallelism + excused);
  const inFlight = current.filter(
    (task) =>
      task.shoal.replaces !== undefined &&
      task.shoal.runningSince === undefined &&
      !(isUnassigned(task) && snapshot.nodes.get(task.NodeID ?? '')?.Spec.Availability === 'pause'),
  );
  if (service.UpdateStatus?.State === 'updating')
    expect(inFlight.length).toBeLessThanOrEqual(rules.parallelism);
  for (const [key, tasks] of bySlot(simulation.tasks)) {
    const past = tasks.filter((task) => ['ended', 'orphaned'].includes(presenceOf(task, snapshot.nodes)));
    // Beside the newest, the failure that counts and the one that a rollback is for.
    expect(past.length, `history of ${key}`).toBeLessThanOrEqual(5 + 2);
  }
}

function comparable({ create, update, remove, waits, ...rest }: Decision) {
  const byId = (a: { ID: string }, b: { ID: string }) => (a.ID < b.ID ? -1 : 1);
  const told = waits.map((wait) => JSON.stringify(wait)).sort();
  return { ...rest, create, told, update: update.toSorted(byId), remove: remove.toSorted() };
}

function decideTwice(simulation: Simulation): void {
  const { snapshot } = simulation;
  const numbered = () => {
    let n = 0;
    return () => `next${++n}`;
  };
  const once = decideService({ ...snapshot, ids: numbered() });
  const reversed = decideService({ ...snapshot, tasks: snapshot.tasks.toReversed(), ids: numbered() });
  expect(comparable(reversed)).toEqual(comparable(once));
}

async function survive(simulation: Simulation, events: readonly Event[]): Promise<void> {
  for (const event of events) {
    await apply(simulation, event);
    decideTwice(simulation);
    await simulation.orchestrate();
    checkInvariants(simulation);
    // What one round did may free a hand for the next slot, which only the next round sees.
    await simulation.orchestrate();
    checkInvariants(simulation);
    expect(writes(simulation.decide())).toEqual([]);
    checkWaits(simulation.snapshot);
    await simulation.tick(50);
  }
}

async function heal(simulation: Simulation): Promise<void> {
  for (const id of ['n1', 'n2', 'n3']) {
    await simulation.nodeState(id, 'heard');
    await simulation.availability(id, 'active');
  }
  await simulation.deploy('web:final');
  await simulation.run(300_000, 1_000);
}

/** A task that failed at the very moment the rollback began is no failure of the rollback. */
const rolledBackAsATaskFails: [Event[], UpdateConfig] = [
  [
    { kind: 'wait', ms: 10 },
    { kind: 'deploy', image: 'absent:1' },
    { kind: 'wait', ms: 10 },
    { kind: 'wait', ms: 10 },
    { kind: 'fail', which: 13 },
  ],
  { Parallelism: 1, Delay: 0, FailureAction: 'rollback', MaxFailureRatio: 0, Order: null },
];

const anyHistory = fc.array(anEvent, { maxLength: 40, size: 'max' });

describe('random histories', () => {
  it('keep the rules of a replicated service on the way, and end where its spec says', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, aConfig, fc.boolean(), async (events, config, schedules) => {
        const simulation = await Simulation.open(3);
        simulation.rebalances = true;
        simulation.schedules = schedules;
        await simulation.change({
          UpdateConfig: config,
          RollbackConfig: config,
          Mode: { Replicated: { Replicas: 3 } },
        });
        await survive(simulation, events);
        const wanted = simulation.service.Spec.Mode?.Replicated?.Replicas ?? 0;
        await heal(simulation);
        expect(simulation.running('web:final').length).toBe(wanted);
        expect(simulation.tasks.filter(isWanted).length).toBe(wanted);
        expect(new Set(simulation.running().map(({ Slot }) => Slot)).size).toBe(wanted);
        if (simulation.service.UpdateStatus) expect(simulation.service.UpdateStatus.State).toBe('completed');
        checkInvariants(simulation);
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('keep the rules of a global service on the way, and end where its spec says', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, aConfig, async (events, config) => {
        const simulation = await Simulation.open(3);
        await simulation.change({ UpdateConfig: config, RollbackConfig: config, Mode: { Global: {} } });
        await survive(simulation, events);
        await heal(simulation);
        expect(
          simulation
            .running('web:final')
            .map(({ NodeID }) => NodeID)
            .sort(),
        ).toEqual(['n1', 'n2', 'n3']);
        expect(simulation.tasks.filter(isWanted).length).toBe(3);
        checkInvariants(simulation);
      }),
      { numRuns: 40, examples: [rolledBackAsATaskFails] },
    );
  }, 120_000);
});
