import * as fc from 'fast-check';
import {
  type GenericResource,
  isTerminal,
  type Node,
  type Platform,
  type Service as StoredService,
  stateOf,
  type Task,
  type TaskSpec,
  type TaskState,
  taskStates,
} from '../model/index.ts';
import { makeTables, type ReadView } from '../store/tables.ts';
import { aNode, withStatus } from '../testing.ts';
import { aTask } from './testing.ts';

/** Random clusters: small numbers, so that ports, names and limits meet often. */

export const now = Date.parse('2026-01-01T00:00:00.000Z');

export function viewOf(
  nodes: Iterable<Node>,
  tasks: Iterable<Task>,
  services: Iterable<StoredService> = [],
): ReadView {
  const tables = makeTables();
  for (const node of nodes) tables.nodes.put(node);
  for (const task of tasks) tables.tasks.put(task);
  for (const service of services) tables.services.put(service);
  return tables;
}

const zones = fc.constantFrom('a', 'b', undefined);
const labels = fc.record({ zone: zones, rack: zones }).map(({ zone, rack }) => ({
  ...(zone && { zone }),
  ...(rack && { rack }),
}));

const gpus: fc.Arbitrary<GenericResource[]> = fc.oneof(
  fc.constant<GenericResource[]>([]),
  fc.nat(3).map((Value) => [{ DiscreteResourceSpec: { Kind: 'gpu', Value } }]),
  fc
    .subarray(['u1', 'u2', 'u3'])
    .map((values) => values.map((Value) => ({ NamedResourceSpec: { Kind: 'gpu', Value } }))),
);

const node = (id: string): fc.Arbitrary<Node> =>
  fc
    .record({
      Labels: labels,
      state: fc.constantFrom('heard', 'heard', 'heard', 'down'),
      Availability: fc.constantFrom('active', 'active', 'active', 'drain', 'pause'),
      Architecture: fc.constantFrom('x86_64', 'x86_64', 'aarch64'),
      NanoCPUs: fc.nat(4),
      MemoryBytes: fc.nat(8),
      GenericResources: gpus,
      images: fc.subarray(['web:1', 'db:1']),
      pressed: fc.constantFrom(false, false, false, true),
      closed: fc.constantFrom(false, false, false, true),
    })
    .map(({ Labels, state, Availability, Architecture, images, pressed, closed, ...Resources }) =>
      aNode(id, {
        Spec: { Availability: Availability as 'active', Labels },
        reported: {
          description: { Hostname: id, Platform: { OS: 'linux', Architecture }, Resources },
          images,
          ...(pressed && { pressures: [{ kind: 'memory', message: 'short' }] }),
        },
        judged: { state: state as 'heard' },
        allotted: closed ? { closedTo: [{ networkId: 'shop', why: 'it covers what the host needs' }] } : {},
      }),
    );

export const nodes: fc.Arbitrary<Node[]> = fc
  .integer({ min: 1, max: 7 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => node(`n${index}`))));

const preferences = fc
  .subarray(['node.labels.zone', 'node.labels.rack'])
  .map((keys) => keys.map((SpreadDescriptor) => ({ Spread: { SpreadDescriptor } })));

const spec: fc.Arbitrary<TaskSpec> = fc
  .record({
    Image: fc.constantFrom('web:1', 'db:1'),
    NanoCPUs: fc.nat(2),
    MemoryBytes: fc.nat(3),
    gpu: fc.nat(2),
    MaxReplicas: fc.constantFrom(0, 0, 1, 2),
    Constraints: fc.subarray(['node.labels.zone==a', 'node.labels.rack!=b'], { maxLength: 1 }),
    Platforms: fc.constantFrom<Platform[]>([], [], [{ OS: 'linux', Architecture: 'amd64' }]),
    Preferences: preferences,
  })
  .map(({ Image, NanoCPUs, MemoryBytes, gpu, ...Placement }) => ({
    ContainerSpec: { Image },
    Resources: {
      Reservations: {
        NanoCPUs,
        MemoryBytes,
        GenericResources: gpu ? [{ DiscreteResourceSpec: { Kind: 'gpu', Value: gpu } }] : [],
      },
    },
    Placement,
  }));

export interface Service {
  readonly id: string;
  readonly Spec: TaskSpec;
  readonly ports: Task['shoal']['ports'];
  readonly networks: readonly string[];
}

export const services: fc.Arbitrary<Service[]> = fc.array(
  fc.record({
    id: fc.constantFrom('s0', 's1', 's2', 's3'),
    Spec: spec,
    ports: fc.constantFrom(
      [],
      [],
      [{ PublishMode: 'host' as const, PublishedPort: 80, Protocol: 'tcp' as const }],
      [{ PublishMode: 'host' as const, PublishedPort: 53, Protocol: 'udp' as const }],
    ),
    networks: fc.constantFrom([], [], ['back'], ['back', 'shop']),
  }),
  { minLength: 1, maxLength: 4 },
);

/** The index is the version, so that two versions of one service may meet. */
export const taskOf = (
  id: string,
  { id: ServiceID, Spec, ports, networks }: Service,
  version: number,
): Task =>
  aTask(id, {
    ServiceID,
    Spec,
    CreatedAt: new Date(now - (version % 3) * 1000).toISOString(),
    UpdatedAt: new Date(now).toISOString(),
    Status: { State: 'pending', Timestamp: new Date(now).toISOString() },
    shoal: { specVersion: version, ports, networks },
  });

/** Services that ask the same of a node, as most do, or each its own thing. */
const kindsOfService = fc.oneof(
  services,
  services.map((all) => all.map((one) => ({ ...one, Spec: all[0]?.Spec ?? {}, ports: all[0]?.ports ?? [] }))),
);

export interface World {
  readonly nodes: Node[];
  /** Placed already, well or badly. */
  readonly placed: Task[];
  readonly pending: Task[];
}

const placedStates = taskStates.filter((state) => !['new', 'pending', 'remove'].includes(state));

export const worlds: fc.Arbitrary<World> = fc.tuple(nodes, kindsOfService).chain(([all, kinds]) =>
  fc
    .record({
      placed: fc.array(
        fc.record({
          kind: fc.nat(kinds.length - 1),
          node: fc.nat(all.length - 1),
          state: fc.constantFrom<TaskState>('running', 'running', 'starting', ...placedStates),
          desired: fc.constantFrom(
            'running' as const,
            'running' as const,
            'ready' as const,
            'shutdown' as const,
          ),
        }),
        { maxLength: 12 },
      ),
      pending: fc.array(fc.nat(kinds.length - 1), { maxLength: 25 }),
      failed: fc.array(fc.tuple(fc.nat(kinds.length - 1), fc.nat(all.length - 1)), { maxLength: 2 }),
      bound: fc.array(fc.tuple(fc.nat(kinds.length - 1), fc.nat(all.length)), { maxLength: 3 }),
    })
    .map(({ placed, pending, failed, bound }) => {
      const make = (id: string, kind: number): Task =>
        taskOf(id, kinds[kind] ?? { id: 's0', Spec: {}, ports: [], networks: [] }, kind);
      const globals = bound.map(([kind, at], index) => {
        const { Slot: _, ...task } = make(`g${index}`, kind);
        // Services are replicated or global, never both, and have one task that waits in a slot.
        return { ...task, ServiceID: `global-${index}`, NodeID: `n${at}` };
      });
      // Each stands for enough failures to put the node behind the others.
      const broken = failed.flatMap(([kind, at], index) =>
        Array.from({ length: 5 + index }, (_, copy): Task => {
          const task = make(`f${index}-${copy}`, kind);
          const Status = { State: 'failed' as const };
          return withStatus({ ...task, NodeID: `n${at}`, DesiredState: 'shutdown' }, Status);
        }),
      );
      const settled = placed.map(({ kind, node: at, state, desired }, index) => {
        const task = make(`p${index}`, kind);
        return withStatus({ ...task, NodeID: `n${at}`, DesiredState: desired }, { State: state });
      });
      return {
        nodes: all,
        placed: [...settled, ...broken],
        pending: [...pending.map((kind, index) => make(`t${index}`, kind)), ...globals],
      };
    }),
);

/** In some of the slots waits a task that takes over from the one that is there, many of them once that has ended. */
export const handovers: fc.Arbitrary<World> = fc
  .tuple(worlds, fc.nat(8), fc.nat(4))
  .map(([world, count, stopping]) => {
    const held = world.placed.filter((task) => !isTerminal(stateOf(task))).slice(0, count);
    const next = held.map((old, index): Task => {
      const { NodeID: _, observed: _observed, placement: _placement, nodeRemovedAt: _at, ...task } = old;
      const CreatedAt = new Date(now + 1_000 * (index + 1)).toISOString();
      const shoal = { ...task.shoal, ...(index < stopping && { stopFirst: true as const }) };
      return { ...task, ID: `next${index}`, CreatedAt, DesiredState: 'ready', shoal };
    });
    return { ...world, pending: [...world.pending, ...next] };
  });
