/** Builders for this folder's tests. Times are milliseconds after `epochMs`. */
import { isoTime } from '../effects.ts';
import { type Node, type Service, type Task, type TaskState, wakeAt } from '../model/index.ts';
import { aNode, aService, aTask, type TaskChange } from '../testing.ts';
import { decideService } from './decide.ts';
import type { Decision, Snapshot } from './draft.ts';
import type { Nodes } from './presence.ts';

export const epochMs = Date.UTC(2026, 0, 1);
export const at = (ms: number): string => isoTime(epochMs + ms);

export const nodesOf = (...nodes: Node[]): Nodes => ({
  get: (id) => nodes.find(({ ID }) => ID === id),
  all: () => nodes,
});

export const threeNodes = nodesOf(aNode('n1'), aNode('n2'), aNode('n3'));

/** `web` with another image than its tasks were made with. */
export const secondVersion = (): Service => {
  const { Spec } = aService('web');
  return aService('web', {
    Spec: { ...Spec, TaskTemplate: { ContainerSpec: { Image: 'web:2' } } },
    shoal: { specVersion: 2 },
  });
};

/** A decision one minute after the epoch, and when the next one is due; new tasks are called new1, new2, … */
export function decide(
  parts: Partial<Snapshot> & { readonly at?: number },
): Decision & { readonly wakeAt: number | undefined } {
  let made = 0;
  const decision = decideService({
    service: aService('web'),
    tasks: [],
    nodes: threeNodes,
    load: () => 0,
    historyLimit: 5,
    now: epochMs + (parts.at ?? 60_000),
    ids: () => `new${++made}`,
    ...parts,
  });
  return { ...decision, wakeAt: wakeAt(decision.waits) };
}

export interface TaskParts {
  readonly slot?: number;
  readonly node?: string;
  readonly state?: TaskState;
  /** When it came into that state. */
  readonly since?: number;
  readonly created?: number;
  readonly change?: TaskChange;
  readonly shoal?: Partial<Task['shoal']>;
}

/** A task that began to run a second after the epoch, unless told otherwise. */
export function task(id: string, parts: TaskParts = {}): Task {
  const { slot = 1, node = 'n1', state = 'running', since = 1_000, created = 0 } = parts;
  return aTask(id, {
    CreatedAt: at(created),
    Slot: slot,
    ...(node !== '' && { NodeID: node }),
    Status: { Timestamp: at(since), State: state },
    ...parts.change,
    shoal: {
      specVersion: 1,
      ports: [],
      ...(state === 'running' && { runningSince: epochMs + since }),
      ...parts.shoal,
    },
  });
}

/** One that ended by itself and was taken note of. */
export const ended = (id: string, parts: TaskParts = {}): Task =>
  task(id, { state: 'failed', ...parts, change: { DesiredState: 'shutdown', ...parts.change } });

export const globalTask = (id: string, node: string, parts: TaskParts = {}): Task => {
  const { Slot: _, ...rest } = task(id, { ...parts, node });
  return rest;
};
