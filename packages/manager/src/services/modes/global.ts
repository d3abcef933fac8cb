import { isDown, isReady, type Node, type Service, slotKey, type Task } from '../../model/index.ts';
import type { Draft } from '../draft.ts';
import type { Slot } from '../new-task.ts';
import { taskTemplate } from '../policy.ts';
import { whyNotOn } from '../presence.ts';

/** The nodes a global service has to run on, after stopping what runs elsewhere. */
export function globalSlots(draft: Draft): Slot[] {
  const nodes = [...draft.snapshot.nodes.all()].filter((node) => whyGone(node, draft.service) === undefined);
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

const whyGone = (node: Node, { Spec }: Service) =>
  isDown(node) ? 'node-down' : whyNotOn(node, taskTemplate(Spec).Placement);

function clear(draft: Draft, key: string): void {
  const node = draft.snapshot.nodes.get(draft.tasksIn(key).tasks[0]?.NodeID ?? '');
  for (const task of draft.all(key)) {
    if (node) draft.stop(task, whyGone(node, draft.service) ?? 'surplus');
    else draft.remove(task);
  }
}
