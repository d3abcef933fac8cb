import type { Node, Task, TaskSpec } from '../../../manager/src/model/index.ts';
import { ClusterState } from '../../../manager/src/scheduler/cluster-state.ts';
import { schedule } from '../../../manager/src/scheduler/schedule.ts';
import { makeTables } from '../../../manager/src/store/tables.ts';
import { aNode, aTask } from '../../../manager/src/testing.ts';
import { report } from './measure/index.ts';

/**
 * Time to place many tasks at once, in memory: SwarmKit's own scheduler benchmark is the same without a
 * store below. Its tasks belong to no service, so each is a group of one there; hence the last rows.
 */
interface Case {
  readonly name: string;
  readonly tasks: number;
  readonly nodes: number;
  readonly replicas: number;
  /** With constraints, reservations and two levels of spreading. */
  readonly rich?: boolean;
  /** Seconds. */
  readonly swarmKit?: number;
  readonly goal?: number;
}

const cases: readonly Case[] = [
  { name: '10k tasks, 1k nodes', tasks: 10_000, nodes: 1_000, replicas: 100, swarmKit: 1.5, goal: 0.1 },
  { name: '100k tasks, 1k nodes', tasks: 100_000, nodes: 1_000, replicas: 100, swarmKit: 46, goal: 1 },
  {
    name: '100k tasks, 5k nodes, constraints, reservations, spread',
    tasks: 100_000,
    nodes: 5_000,
    replicas: 100,
    rich: true,
    swarmKit: 111,
    goal: 2,
  },
  { name: '1M tasks, 10k nodes', tasks: 1_000_000, nodes: 10_000, replicas: 100, goal: 5 },
  { name: '10k services of 1, 1k nodes', tasks: 10_000, nodes: 1_000, replicas: 1, swarmKit: 1.5 },
  { name: '100k services of 1, 1k nodes', tasks: 100_000, nodes: 1_000, replicas: 1, swarmKit: 46 },
];
const rounds = 5;

export default async function bench(): Promise<boolean> {
  const results = cases.map((one) => {
    const { nodes, tasks } = world(one);
    const tables = makeTables();
    for (const node of nodes) tables.nodes.put(node);
    const state = ClusterState.from(tables);
    const seconds = Array.from({ length: rounds }, () => timed(state, tasks)).sort((a, b) => a - b);
    return report('schedule', one.name, seconds[rounds >> 1] ?? Number.NaN, 's', {
      ...(one.swarmKit !== undefined && { reference: one.swarmKit }),
      ...(one.goal !== undefined && { goal: one.goal }),
    });
  });
  return results.every(Boolean);
}

function timed(state: ClusterState, tasks: readonly Task[]): number {
  const start = performance.now();
  const { placed } = schedule(state, tasks, { now: 0, seed: 1 });
  const seconds = (performance.now() - start) / 1_000;
  if (placed.length !== tasks.length)
    throw new Error(`only ${placed.length} of ${tasks.length} tasks placed`);
  return seconds;
}

function world({ tasks, nodes, replicas, rich = false }: Case): { nodes: Node[]; tasks: Task[] } {
  const id = (index: number) => index.toString(36).padStart(25, '0');
  return {
    nodes: Array.from({ length: nodes }, (_, index) =>
      aNode(id(index), {
        Spec: {
          Availability: 'active',
          Labels: { zone: `z${index % 3}`, rack: `r${index % 60}`, disk: index % 2 ? 'ssd' : 'hdd' },
        },
        reported: {
          description: {
            Hostname: `host-${index}`,
            Platform: { OS: 'linux', Architecture: 'x86_64' },
            Resources: { NanoCPUs: 32e9, MemoryBytes: 128 * 2 ** 30 },
          },
        },
      }),
    ),
    tasks: Array.from({ length: tasks }, (_, index) => {
      const service = Math.floor(index / replicas);
      return aTask(id((index * 7_919) % tasks), {
        ServiceID: id(service),
        Slot: (index % replicas) + 1,
        Spec: rich ? richSpec(service) : { ContainerSpec: { Image: 'nginx:1' } },
      });
    }),
  };
}

const specs = new Map<number, TaskSpec>();

function richSpec(service: number): TaskSpec {
  const spec = specs.get(service) ?? {
    ContainerSpec: { Image: `app-${service}:1` },
    Resources: { Reservations: { NanoCPUs: 1e8, MemoryBytes: 64 * 2 ** 20 } },
    Placement: {
      Constraints: [`node.labels.disk==${service % 2 ? 'ssd' : 'hdd'}`, 'node.role==worker'],
      Platforms: [{ OS: 'linux', Architecture: 'amd64' }],
      Preferences: ['zone', 'rack'].map((key) => ({ Spread: { SpreadDescriptor: `node.labels.${key}` } })),
    },
  };
  specs.set(service, spec);
  return spec;
}
