import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isoTime } from '../effects.ts';
import { newId } from '../ids.ts';
import {
  compareStates,
  isReady,
  isTerminal,
  type Node,
  type Service,
  slotKey,
  stateOf,
  type Task,
  taskStates,
} from '../model/index.ts';
import { schedulerLoop } from '../scheduler/index.ts';
import { orchestratorLoop } from '../services/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import type { Tx } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, withStatus } from '../testing.ts';
import { type Fault, type Forecast, faults, forecast } from './forecast.ts';

const log = pino({ level: 'silent' });
const clock = () => Date.now();

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => void vi.useRealTimers());

/** The manager's own loops, and agents that bring every task one state on, every 200 ms. */
async function aCluster(nodes: readonly Node[], services: readonly Service[]) {
  const store = await TestStore.open(memoryBackend(), clock);
  await store.update((tx) => {
    for (const node of nodes) tx.nodes.create(node);
    for (const service of services) tx.services.create(service);
  });
  const loops = [orchestratorLoop(store, { clock, ids: newId, log }), schedulerLoop(store, { clock, log })];
  const agents = setInterval(() => void store.update(step), 200);
  const close = async () => {
    clearInterval(agents);
    for (const loop of loops) await loop.close();
    await store.close();
  };
  return { store, close };
}

function step(tx: Tx): void {
  for (const task of [...tx.tasks.all()]) {
    const { DesiredState, NodeID = '' } = task;
    const state = stateOf(task);
    if (isTerminal(state) || compareStates(state, 'assigned') < 0) continue;
    if (!isReady(tx.nodes.get(NodeID))) continue;
    const isWanted = DesiredState === 'running' || DesiredState === 'ready';
    if (isWanted && compareStates(state, DesiredState) >= 0) continue;
    const State = isWanted ? taskStates[taskStates.indexOf(state) + 1] : 'shutdown';
    if (State) tx.tasks.update(withStatus(task, { State, Timestamp: isoTime(clock()) }));
  }
}

/** Room for most of the tasks, but not for all. */
const someNodes: fc.Arbitrary<Node[]> = fc
  .array(
    fc.record({
      zone: fc.constantFrom('a', 'b'),
      NanoCPUs: fc.integer({ min: 3, max: 8 }),
      gpus: fc.integer({ min: 0, max: 3 }),
      isActive: fc.constantFrom(true, true, true, true, false),
    }),
    { minLength: 3, maxLength: 6 },
  )
  .map((all) =>
    all.map(({ zone, NanoCPUs, gpus, isActive }, index) =>
      aNode(`n${index}`, {
        Spec: { Role: 'worker', Availability: isActive ? 'active' : 'pause', Labels: { zone } },
        reported: {
          description: {
            Hostname: `n${index}`,
            Resources: {
              NanoCPUs,
              GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: gpus } }],
            },
          },
        },
      }),
    ),
  );

const someServices: fc.Arbitrary<Service[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom('plain', 'gpu', 'port', 'zone', 'spread', 'few', 'global'),
      replicas: fc.integer({ min: 1, max: 6 }),
      NanoCPUs: fc.integer({ min: 0, max: 2 }),
      Order: fc.constantFrom('start-first' as const, 'stop-first' as const),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((all) =>
    all.map(({ kind, replicas, NanoCPUs, Order }, index) => {
      const GenericResources = [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 1 } }];
      return aService(`s${index}`, {
        Spec: {
          Name: `s${index}`,
          TaskTemplate: {
            ContainerSpec: { Image: 'web:1' },
            Resources: { Reservations: { NanoCPUs, ...(kind === 'gpu' && { GenericResources }) } },
            Placement: {
              ...(kind === 'zone' && { Constraints: ['node.labels.zone==a'] }),
              ...(kind === 'spread' && {
                Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }],
              }),
              ...(kind === 'few' && { MaxReplicas: 1 }),
            },
          },
          ...(kind === 'port' && {
            EndpointSpec: { Ports: [{ PublishMode: 'host' as const, PublishedPort: 80, TargetPort: 80 }] },
          }),
          Mode: kind === 'global' ? { Global: {} } : { Replicated: { Replicas: replicas } },
          UpdateConfig: { Order },
        },
      });
    }),
  );

const strike = (store: TestStore, fault: Fault, ids: readonly string[]) =>
  store.update((tx) => {
    for (const id of ids) {
      const node = tx.nodes.get(id);
      if (node && fault === 'drain')
        tx.nodes.update({ ...node, Spec: { ...node.Spec, Availability: 'drain' } });
      else if (node) tx.nodes.update({ ...node, judged: { state: 'down' } });
    }
  });

const isLive = (task: Task) => task.DesiredState === 'running' && !isTerminal(stateOf(task));

/** Where the wanted task of each slot is; `nowhere` while no node takes it. */
function nodesOfSlots(store: TestStore, except: readonly string[]): Map<string, string> {
  const where = new Map<string, string>();
  for (const task of store.view.tasks.all()) {
    const isPlaced = compareStates(stateOf(task), 'assigned') >= 0;
    if (isPlaced && (!isLive(task) || except.includes(task.NodeID ?? ''))) continue;
    if (!isPlaced && task.Slot === undefined) continue;
    where.set(`${task.ServiceID}/${slotKey(task)}`, isPlaced ? (task.NodeID ?? '') : 'nowhere');
  }
  return where;
}

/** The same, as the forecast has it. */
function foreseen(
  before: ReadonlyMap<string, string>,
  { moves, noRoom, stays }: Forecast,
): Map<string, string> {
  const where = new Map(before);
  const key = ({ service, slot, from }: { service: string; slot?: number; from: string }) =>
    slot === undefined ? `${service}/node:${from}` : `${service}/slot:${slot}`;
  for (const move of moves) where.set(key(move), move.to);
  for (const task of noRoom) where.set(key(task), 'nowhere');
  for (const task of stays) where.delete(key(task));
  return where;
}

it('a forecast is what happens then, whatever the cluster', async () => {
  let moves = 0;
  let noRoom = 0;
  await fc.assert(
    fc.asyncProperty(
      someNodes,
      someServices,
      fc.constantFrom(...faults),
      fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 2 }),
      async (nodes, services, fault, which) => {
        const ids = [...new Set(which.map((index) => `n${index % nodes.length}`))];
        const { store, close } = await aCluster(nodes, services);
        await vi.advanceTimersByTimeAsync(3_000);
        const before = nodesOfSlots(store, []);
        const { revision } = store;
        const struck = ids.flatMap((id) => store.view.nodes.get(id) ?? []);
        const foretold = forecast(store.view, fault, struck, { now: clock(), log });
        expect(store.revision).toBe(revision);
        await strike(store, fault, ids);
        await vi.advanceTimersByTimeAsync(40_000);
        expect(nodesOfSlots(store, ids)).toEqual(foreseen(before, foretold));
        moves += foretold.moves.length;
        noRoom += foretold.noRoom.length;
        await close();
      },
    ),
    { numRuns: 50 },
  );
  // The random clusters are such that there is something to foresee.
  expect(moves).toBeGreaterThan(20);
  expect(noRoom).toBeGreaterThan(20);
});
