import {
  heldVolumes,
  isRefused,
  isWanted,
  localVolumes,
  mayBeginEmpty,
  type Service,
  slotKey,
  stateOf,
  type Task,
} from '../model/index.ts';
import type { Draft } from './draft.ts';
import type { Slot, Target } from './new-task.ts';
import { isRunning, type Nodes } from './presence.ts';

/**
 * Keeps on record which node has what each slot wrote to its local volumes: that of the newest task that ran, if it is
 * meant to run still; of one that has ended only where nothing is known yet. The record stays while a slot is scaled
 * away, and goes with the service: what is on the host's disk stays there, too. A global service's slots are nodes, so
 * there is nothing to tell.
 */
export function recordVolumes(draft: Draft): void {
  const users = draft.tasks.filter(({ Slot, Spec }) => Slot !== undefined && localVolumes(Spec).length > 0);
  const news = [...new Set(users.map(slotKey))].flatMap((key) => {
    const task = draft.tasksIn(key).tasks.find(hasRun);
    const held = task && newlyHeld(draft.service, task);
    return held ? [[key, held] as const] : [];
  });
  if (news.length === 0) return;
  const { shoal, ...service } = draft.service;
  const volumes = { ...shoal.volumes, ...Object.fromEntries(news) };
  draft.service = { ...service, shoal: { ...shoal, volumes } };
}

/** Something of it ran, so that it may have written files. */
function hasRun(task: Task): boolean {
  const state = stateOf(task);
  if (task.NodeID === undefined || isRefused(task)) return false;
  if (isRunning(task) || state === 'starting' || task.shoal.runningSince !== undefined) return true;
  return (state === 'failed' || state === 'complete') && task.observed?.container !== undefined;
}

/** By name, the nodes that have the volumes of the task's slot now; undefined where that is on record. */
function newlyHeld(service: Service, task: Task): Readonly<Record<string, string>> | undefined {
  const known = heldVolumes(service, task);
  const news = localVolumes(task.Spec).filter((volume) =>
    isWanted(task) ? known[volume] !== task.NodeID : known[volume] === undefined,
  );
  if (news.length === 0) return undefined;
  return { ...known, ...Object.fromEntries(news.map((volume) => [volume, task.NodeID ?? ''])) };
}

/** The only node for new tasks of a slot: of a global service its own, else the one that has its volumes. */
export function onlyNode(
  { Spec, shoal }: Service,
  { key, nodeId }: Slot,
  { spec }: Target,
  nodes: Nodes,
): string | undefined {
  if (nodeId !== undefined || mayBeginEmpty(Spec.Labels)) return nodeId;
  const held = shoal.volumes?.[key] ?? {};
  return localVolumes(spec)
    .map((volume) => held[volume])
    .find((id) => id !== undefined && nodes.get(id) !== undefined);
}
