import {
  companionOf,
  type GenericResource,
  isTerminal,
  isWanted,
  type PortConfig,
  publishedKey,
  stateOf,
  type Task,
} from '../model/index.ts';

/** What one task takes from its node. */
export interface TaskLoad {
  /** Reserved, like the memory; limits are not counted. */
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly ports: readonly string[];
  readonly generic: readonly GenericResource[];
  /** It stays, as opposed to a task that is about to leave. */
  readonly active: boolean;
}

export function loadOf(task: Task, active: boolean): TaskLoad {
  const reserved = task.Spec.Resources?.Reservations;
  return {
    nanoCpus: reserved?.NanoCPUs ?? 0,
    memoryBytes: reserved?.MemoryBytes ?? 0,
    ports: hostPorts(task.shoal.ports),
    generic: task.placement?.genericResources ?? [],
    active,
  };
}

/** It leaves others less, as opposed to one that reserves nothing and has no port of its node. */
export const takesRoom = ({ nanoCpus, memoryBytes, ports, generic }: TaskLoad): boolean =>
  nanoCpus > 0 || memoryBytes > 0 || ports.length > 0 || generic.length > 0;

const none: readonly string[] = [];

/** `protocol/port` of each fixed host port; port 0 is chosen by the kernel and never in the way. */
export function hostPorts(ports: readonly PortConfig[]): readonly string[] {
  if (ports.length === 0) return none;
  return ports
    .filter(({ PublishMode, PublishedPort }) => PublishMode === 'host' && PublishedPort)
    .map(publishedKey);
}

/**
 * Not placed yet, but should be. A global task has its NodeID already and still must pass the filters, as has one
 * that shares another task's network; before that task is known, there is nothing to choose. What awaits another service is
 * not placed.
 */
export const isPending = (task: Task): boolean =>
  stateOf(task) === 'pending' &&
  isWanted(task) &&
  task.shoal.awaits === undefined &&
  (task.shoal.companion !== undefined || companionOf(task.shoal.networkMode) === undefined);

/** A stopping task still holds its ports and memory, until it has ended for good. */
export function occupies(task: Task): boolean {
  if (task.NodeID === undefined) return false;
  const state = stateOf(task);
  return state !== 'pending' && !isTerminal(state);
}
