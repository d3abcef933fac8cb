import { isRefused, type Task } from '../model/index.ts';
import { isEligible } from '../scheduler/constraints.ts';
import { failureWindowMs } from '../scheduler/failures.ts';
import { takesTasks } from './capacity.ts';
import type { Draft } from './draft.ts';
import { endedAt } from './standing.ts';

/** In one slot, without a delay: what many hosts refuse is rarely their fault, and each try may cost a pull. */
const mostTries = 20;

/**
 * Whether another host shall be tried at once, since the one of this task refused it: then that is no failure of the
 * service. Other slots' tasks of the same version tell as well who refuses it. Where the scheduler chose a host that had
 * refused it before, the others have no room, and it is no use to hurry.
 */
export function triesNextHost({ facts, tasks }: Draft, task: Task): boolean {
  const { Slot, shoal, Spec, CreatedAt } = task;
  if (!isRefused(task) || Slot === undefined || shoal.companion !== undefined) return false;
  if ((shoal.refusals ?? 0) + 1 >= mostTries) return false;
  const refused = tasks.filter(
    (other) =>
      isRefused(other) &&
      other.shoal.specVersion === shoal.specVersion &&
      endedAt(other) > facts.now - failureWindowMs,
  );
  const knew = refused.some(
    (other) => other.NodeID === task.NodeID && endedAt(other) < Date.parse(CreatedAt),
  );
  const tried = new Set(refused.map(({ NodeID }) => NodeID));
  return (
    !knew &&
    Iterator.from(facts.nodes.all()).some(
      (node) => !tried.has(node.ID) && takesTasks(node) && isEligible(node, Spec.Placement),
    )
  );
}
