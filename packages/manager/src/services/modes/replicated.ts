import { replicasOf, slotKey, type Task } from '../../model/index.ts';
import type { Draft } from '../draft.ts';
import type { Slot } from '../new-task.ts';
import { byAge, isRunning, whyMustLeave } from '../presence.ts';

/** The slots a replicated service has to have, after removing those it has too many of. */
export function replicatedSlots(draft: Draft): Slot[] {
  const wanted = replicasOf(draft.service.Spec);
  scaleDown(draft, wanted);
  const numbers = new Set(draft.keys.flatMap((key) => draft.tasksIn(key).tasks[0]?.Slot ?? []));
  for (let number = 1; numbers.size < wanted; number++) numbers.add(number);
  return [...numbers]
    .sort((a, b) => a - b)
    .map((number) => ({ key: slotKey({ Slot: number } as Task), number, creatable: true }));
}

/** A slot as scaling down sees it: by the task that does the work there. */
interface UsedSlot {
  readonly key: string;
  readonly task: Task | undefined;
  readonly node: string;
}

/**
 * Slots without a task on a usable node go first. Then, one at a time, the newest task of the node that has
 * most tasks of this service, or most tasks in all where that is equal.
 */
function scaleDown(draft: Draft, wanted: number): void {
  let surplus = draft.keys.length - wanted;
  if (surplus <= 0) return;
  const used = draft.keys.map((key) => usedSlot(draft, key)).sort(newestFirst);
  const byNode = Map.groupBy(used, ({ node }) => node);
  const idle = byNode.get('') ?? [];
  byNode.delete('');
  const load = new Map([...byNode.keys()].map((node) => [node, draft.snapshot.load(node)]));
  for (; surplus > 0; surplus--) {
    const victim = idle.shift() ?? takeFromFullest(byNode, load);
    for (const task of victim ? draft.all(victim.key) : []) draft.discard(task);
  }
}

function usedSlot(draft: Draft, key: string): UsedSlot {
  const { live, tasks } = draft.tasksIn(key);
  const task = live.find(isRunning) ?? live[0];
  const placed = task && !whyMustLeave(task, draft.snapshot.nodes) ? task.NodeID : undefined;
  return { key, task: task ?? tasks[0], node: placed ?? '' };
}

const newestFirst = (a: UsedSlot, b: UsedSlot): number =>
  a.task && b.task ? byAge(a.task, b.task) : Number(Boolean(b.task)) - Number(Boolean(a.task));

function takeFromFullest(
  byNode: ReadonlyMap<string, UsedSlot[]>,
  load: Map<string, number>,
): UsedSlot | undefined {
  let fullest: string | undefined;
  for (const node of byNode.keys()) {
    if (fullest === undefined || isFuller(node, fullest, byNode, load)) fullest = node;
  }
  if (fullest === undefined) return undefined;
  load.set(fullest, (load.get(fullest) ?? 0) - 1);
  return byNode.get(fullest)?.shift();
}

function isFuller(
  a: string,
  b: string,
  byNode: ReadonlyMap<string, readonly UsedSlot[]>,
  load: ReadonlyMap<string, number>,
): boolean {
  const own = (byNode.get(a)?.length ?? 0) - (byNode.get(b)?.length ?? 0);
  const all = (load.get(a) ?? 0) - (load.get(b) ?? 0);
  return own > 0 || (own === 0 && (all > 0 || (all === 0 && a < b)));
}
