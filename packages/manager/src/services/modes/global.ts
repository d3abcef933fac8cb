import { isDown, isReady, type Node, type Service, slotKey, type Task } from '../../model/index.ts';
import { isEligible } from '../../scheduler/index.ts';
import type { Draft } from '../draft.ts';
import type { Slot } from '../new-task.ts';
import { taskTemplate } from '../policy.ts';

/** The nodes a global service has to run on, after stopping what runs elsewhere. */
export function globalSlots(draft: Draft): Slot[] {
  const nodes = [...draft.snapshot.nodes.all()].filter(
    (node) => unfitness(node, draft.service) === undefined,
  );
  const slots = nodes.map(slotOn).sort((a, b) => (a.key < b.key ? -1 : 1));
  const wanted = new Set(slots.map(({ key }) => key));
  for (const key of draft.keys) if (!wanted.has(key)) clear(draft, key);
  return slots;
}

const slotOn = (node: Node): Slot => ({
  key: slotKey({ NodeID: node.ID } as Task),
  nodeId: node.ID,
  // On a paused node, and on one that is only suspected, tasks stay as they are.
  creatable: isReady(node) && node.Spec.Availability !== 'pause',
});

function unfitness(node: Node, { Spec }: Service) {
  if (isDown(node)) return 'node-down';
  if (node.Spec.Availability === 'drain') return 'node-drained';
  return isEligible(node, taskTemplate(Spec).Placement) ? undefined : 'node-unfit';
}

function clear(draft: Draft, key: string): void {
  const node = draft.snapshot.nodes.get(draft.tasksIn(key).tasks[0]?.NodeID ?? '');
  for (const task of draft.all(key)) {
    if (node) draft.stop(task, unfitness(node, draft.service) ?? 'surplus');
    else draft.remove(task);
  }
}
