import {
  isTerminal,
  isWanted,
  refusedLimits,
  type Service,
  slotKey,
  stateOf,
  type Task,
  versionAtEnd,
} from '../../model/index.ts';
import { isEligible, loadOf, occupies } from '../../scheduler/index.ts';
import { currentTarget, type Target, targetLike } from '../new-task.ts';
import { byAge, furthestFirst, isUnassigned, type Nodes } from '../presence.ts';
import { fitsContainer, haveSameLimits } from './template.ts';
import { isCurrent } from './update-state.ts';

/** The version of a task that is of no version of its service any more: it has to be replaced. */
const noVersion = 0;

export interface Adoption {
  /** Tasks that become ones of the present version, or stop being such. */
  readonly changed: readonly Task[];
  /** Tasks that the update has to replace. */
  readonly outdated: readonly Task[];
}

/**
 * Which tasks of a service take on its present spec as they are: in their containers, on their nodes. The agent gives
 * a container its new limits. Others are left to the rolling update: those whose container would have to be another,
 * whose node the new placement forbids or has no room for a bigger reservation, or whose daemon refused new limits.
 */
export function adopt(
  service: Service,
  tasks: readonly Task[],
  nodes: Nodes,
  tasksOn: (nodeId: string) => readonly Task[],
): Adoption {
  const changed = tasks.filter((task) => isLive(task) && isCurrent(task, service)).flatMap(asRefused);
  const outdated = [...changed];
  const older = tasks.filter((task) => !isCurrent(task, service));
  if (older.length === 0) return { changed, outdated };
  const target = currentTarget(service);
  const fits = (task: Task) => fitsContainer(targetLike(task), target);
  const room = new Room(service, tasks, nodes, tasksOn);
  for (const task of older.filter(isLive).sort((a, b) => furthestFirst(a, b) || byAge(b, a))) {
    if (fits(task) && !refuses(task, target) && room.has(task, target)) changed.push(adopted(task, target));
    else outdated.push(task);
  }
  const kept = new Set(outdated.map(placeAndVersion));
  for (const task of older)
    if (!isLive(task) && !kept.has(placeAndVersion(task)) && fits(task))
      changed.push(ofVersion(task, target));
  return { changed, outdated };
}

const isLive = (task: Task): boolean => isWanted(task) && !isTerminal(stateOf(task));

/** A task that still runs with its old limits is not of the new version. */
function asRefused(task: Task): Task[] {
  const { Spec, shoal } = task;
  const why = refusedLimits(task);
  if (why === undefined) return [];
  const { resourcesBefore = Spec.Resources, ...internals } = shoal;
  return [
    {
      ...task,
      Spec: { ...Spec, Resources: resourcesBefore ?? null },
      shoal: { ...internals, specVersion: noVersion, refused: { resources: Spec.Resources, why } },
    },
  ];
}

const refuses = ({ shoal: { refused } }: Task, { spec }: Target): boolean =>
  refused !== undefined && haveSameLimits(refused.resources, spec.Resources);

const placeAndVersion = (task: Task): string => `${slotKey(task)}/${task.shoal.specVersion}`;

/**
 * Restarts are counted among tasks of one version; the version it had when it ran stays to be read. What it was to replace
 * belongs to the update that made it: in the present one it counts as not in flight.
 */
function ofVersion(task: Task, { version }: Target): Task {
  const { replaces: _, ...shoal } = task.shoal;
  return { ...task, shoal: { ...shoal, endedAs: versionAtEnd(task), specVersion: version } };
}

function adopted(task: Task, target: Target): Task {
  const { specVersion: _, refused: _refused, ...internals } = task.shoal;
  // The container of one that waits will be made with the new ones.
  const before =
    isUnassigned(task) || haveSameLimits(task.Spec.Resources, target.spec.Resources) ? {} : resourcesOf(task);
  return {
    ...task,
    Spec: target.spec,
    shoal: { ...internals, ...before, specVersion: target.version },
  };
}

const resourcesOf = ({ Spec }: Task) => ({ resourcesBefore: Spec.Resources ?? null });

interface Use {
  nanoCpus: number;
  memoryBytes: number;
  /** Tasks of the service that are of its present version. */
  replicas: number;
}

/** What is left on nodes while one task after the other takes on its new spec. */
class Room {
  readonly #service: Service;
  readonly #tasks: readonly Task[];
  readonly #nodes: Nodes;
  readonly #tasksOn: (nodeId: string) => readonly Task[];
  readonly #used = new Map<string, Use>();

  constructor(
    service: Service,
    tasks: readonly Task[],
    nodes: Nodes,
    tasksOn: (nodeId: string) => readonly Task[],
  ) {
    this.#service = service;
    this.#tasks = tasks;
    this.#nodes = nodes;
    this.#tasksOn = tasksOn;
  }

  /** Whether the task may stay on its node with its new spec; if so, it counts with that from then on. */
  has(task: Task, { spec }: Target): boolean {
    if (isUnassigned(task)) return true;
    const node = this.#nodes.get(task.NodeID ?? '');
    if (!node) return true;
    if (!isEligible(node, spec.Placement)) return false;
    const [before, after] = [loadOf(task, true), loadOf({ ...task, Spec: spec }, true)];
    const used = this.#on(node.ID);
    const cpus = after.nanoCpus - before.nanoCpus;
    const bytes = after.memoryBytes - before.memoryBytes;
    const all = node.reported.description.Resources;
    if (cpus > 0 && used.nanoCpus + cpus > (all?.NanoCPUs ?? 0)) return false;
    if (bytes > 0 && used.memoryBytes + bytes > (all?.MemoryBytes ?? 0)) return false;
    const most = maxReplicas(spec);
    if (most < maxReplicas(task.Spec) && used.replicas >= most) return false;
    used.nanoCpus += cpus;
    used.memoryBytes += bytes;
    used.replicas += 1;
    return true;
  }

  #on(nodeId: string): Use {
    let used = this.#used.get(nodeId);
    if (used) return used;
    const loads = this.#tasksOn(nodeId)
      .filter(occupies)
      .map((task) => loadOf(task, true));
    used = {
      nanoCpus: loads.reduce((sum, { nanoCpus }) => sum + nanoCpus, 0),
      memoryBytes: loads.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
      replicas: this.#tasks.filter(
        (task) => task.NodeID === nodeId && isLive(task) && isCurrent(task, this.#service),
      ).length,
    };
    this.#used.set(nodeId, used);
    return used;
  }
}

const maxReplicas = ({ Placement }: Target['spec']): number =>
  Placement?.MaxReplicas || Number.POSITIVE_INFINITY;
