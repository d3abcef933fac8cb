import { isRefused, type Task, versionAtEnd } from '../model/index.ts';
import { failureWindowMs } from '../scheduler/index.ts';
import { couldRun } from './capacity.ts';
import type { Snapshot } from './draft.ts';
import { targetLike } from './new-task.ts';
import { endedAt } from './presence.ts';

/** In one slot, without a delay: what many hosts refuse is rarely their fault, and each try may cost a pull. */
const mostTries = 20;

/** When hosts first refused tasks of the service (ms since the epoch): by version, then host. Only of late. */
export type Refusals = ReadonlyMap<number, ReadonlyMap<string, number>>;

export function refusalsOf({ tasks, now }: Snapshot): Refusals {
  const refusals = new Map<number, Map<string, number>>();
  for (const task of tasks) {
    if (!isRefused(task) || endedAt(task) <= now - failureWindowMs) continue;
    const version = versionAtEnd(task);
    const hosts = refusals.get(version) ?? new Map<string, number>();
    const host = task.NodeID ?? '';
    hosts.set(host, Math.min(endedAt(task), hosts.get(host) ?? Number.POSITIVE_INFINITY));
    refusals.set(version, hosts);
  }
  return refusals;
}

/**
 * Whether another host shall be tried at once, since the one of this task refused it: then that is no failure of the
 * service. Other slots' tasks of the same version tell as well who refuses it. Where the scheduler chose a host that had
 * refused it before, the others have no room, and it is no use to hurry. Not all refusals are remembered, so they are
 * counted, too: no slot tries more hosts in that way than there are.
 */
export function triesNextHost({ nodes }: Snapshot, task: Task, refusals: Refusals): boolean {
  const { Slot, NodeID, shoal, CreatedAt } = task;
  if (!isRefused(task) || Slot === undefined || shoal.companion !== undefined) return false;
  const tries = (shoal.refusals ?? 0) + 1;
  if (tries >= mostTries) return false;
  const refusedAt = refusals.get(versionAtEnd(task)) ?? new Map<string, number>();
  if ((refusedAt.get(NodeID ?? '') ?? Number.POSITIVE_INFINITY) < Date.parse(CreatedAt)) return false;
  const fits = couldRun(targetLike(task));
  let hosts = 0;
  let isOneLeft = false;
  for (const node of nodes.all()) {
    if (!fits(node)) continue;
    hosts++;
    isOneLeft ||= !refusedAt.has(node.ID);
    if (isOneLeft && hosts > tries) return true;
  }
  return false;
}
