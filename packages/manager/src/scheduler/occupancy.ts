import type { GenericResource, Node } from '../model/index.ts';
import type { TaskLoad } from './task-load.ts';

/** What the tasks on one node take together. */
export class Occupancy {
  nanoCpus = 0;
  memoryBytes = 0;
  /** Tasks that stay; those in whose place another one is, or waits for a node, do not. */
  activeTasks = 0;
  /** All of them. */
  tasks = 0;
  /** Tasks by `protocol/port`. A port may have two for a moment, when the model was edited by hand. */
  ports: ReadonlyMap<string, number>;
  /** Units of a countable kind, or holders of a named unit, by `genericKey`. */
  generic: ReadonlyMap<string, number>;

  constructor(from?: Occupancy) {
    this.ports = from?.ports ?? nothing;
    this.generic = from?.generic ?? nothing;
    if (!from) return;
    this.nanoCpus = from.nanoCpus;
    this.memoryBytes = from.memoryBytes;
    this.activeTasks = from.activeTasks;
    this.tasks = from.tasks;
  }

  add(load: TaskLoad): void {
    this.#change(load, 1);
  }

  remove(load: TaskLoad): void {
    this.#change(load, -1);
  }

  #change(load: TaskLoad, sign: 1 | -1): void {
    this.nanoCpus += sign * load.nanoCpus;
    this.memoryBytes += sign * load.memoryBytes;
    this.tasks += sign;
    if (load.active) this.activeTasks += sign;
    for (const port of load.ports) this.ports = counted(this.ports, port, sign);
    for (const unit of load.generic) {
      const { key, count } = genericKey(unit);
      this.generic = counted(this.generic, key, sign * count);
    }
  }
}

const nothing: ReadonlyMap<string, number> = new Map();

/** A new map, since copies share the old one: every round of the scheduler makes one of each node's. */
function counted(counts: ReadonlyMap<string, number>, key: string, by: number): ReadonlyMap<string, number> {
  const own = new Map(counts);
  changeCount(own, key, by);
  return own;
}

/** Adds to a count; a count of zero is no entry. */
export function changeCount(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function genericKey({ NamedResourceSpec: named, DiscreteResourceSpec: countable }: GenericResource) {
  return named
    ? { key: `${named.Kind ?? ''}=${named.Value ?? ''}`, count: 1 }
    : { key: countable?.Kind ?? '', count: countable?.Value ?? 0 };
}

/**
 * Takes `count` free units of `kind`, named ones in the node's own order. Undefined when there are not enough.
 * A node describes a kind either by names or by a number (Swarm refuses a mix); names win here.
 */
export function takeGeneric(
  node: Node,
  used: Occupancy,
  kind: string,
  count: number,
): GenericResource[] | undefined {
  const free = freeUnits(node, used, kind);
  if (typeof free === 'number') {
    return count > free ? undefined : [{ DiscreteResourceSpec: { Kind: kind, Value: count } }];
  }
  if (free.length < count) return undefined;
  return free.slice(0, count).map((value) => ({ NamedResourceSpec: { Kind: kind, Value: value } }));
}

/** How many units of `kind` are free on the node. */
export function freeGeneric(node: Node, used: Occupancy, kind: string): number {
  const free = freeUnits(node, used, kind);
  return typeof free === 'number' ? free : free.length;
}

/** The free units by name, or their number where they have none. */
function freeUnits(node: Node, used: Occupancy, kind: string): string[] | number {
  const all = node.reported.description.Resources?.GenericResources ?? [];
  const named = all.flatMap(({ NamedResourceSpec: unit }) => (unit?.Kind === kind ? [unit.Value ?? ''] : []));
  if (named.length > 0) return named.filter((value) => !used.generic.has(`${kind}=${value}`));
  const capacity = all.reduce(
    (sum, { DiscreteResourceSpec: unit }) => sum + (unit?.Kind === kind ? (unit.Value ?? 0) : 0),
    0,
  );
  return capacity - (used.generic.get(kind) ?? 0);
}
