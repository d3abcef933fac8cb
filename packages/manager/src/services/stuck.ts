import { pendingReasonsOf, type Task, type Wait, waitOf, whyWaiting } from '../model/index.ts';
import type { Draft, SlotTasks } from './draft.ts';
import type { Slot } from './new-task.ts';
import { isRunning, isUnassigned, makesRoom } from './presence.ts';
import { endUpdate, excusedSlots, isCurrent, isUpdating, needsUpdate } from './update/index.ts';

/** A task that no node took for so long, while nothing was under way that could change it, gets none. */
const sureMs = 15_000;
/** The same where there may be room after all: a node is away or rests, tasks are leaving, a companion starts. */
const longestWaitMs = 5 * 60_000;
/** How soon to look again at what is under way. */
const againMs = 5_000;

/** Filters that refuse nodes for what passes by itself. */
const passing: ReadonlySet<string> = new Set(['readiness', 'pressure', 'flapping']);

/** A new task for which another one stops, or has stopped, but which no node takes. */
interface Stuck {
  readonly slot: Slot;
  readonly task: Task;
  readonly why: string;
}

/**
 * Ends an update, or a rollback, that can't end: nothing else of it is left to do, and no node takes what would come
 * next. The failure action applies, only that there is nothing to continue with. What waits is dropped, so that
 * nothing moves once there is room after all.
 */
export function endStuckUpdate(draft: Draft, slots: readonly Slot[]): Wait[] {
  const { service, snapshot, rules } = draft;
  if (!isUpdating(service)) return [];
  const excused = excusedSlots(draft);
  const open = slots.filter(({ key, creatable }) => creatable && !excused.has(key));
  const stuck = open.flatMap((slot) => stuckIn(draft, slot) ?? []);
  const [first] = stuck;
  if (!first) return [];
  const due = Math.max(...stuck.map(({ task }) => sureAt(draft, task)));
  const lack = `a node for ${nameOf(draft, first.slot)}: ${first.why}`;
  if (due > snapshot.now) return [waitOf('service', service.ID, lack, lookAgainAt(draft, due))];
  const more =
    stuck.length < rules.parallelism && open.some(({ key }) => needsUpdate(draft.tasksIn(key), service));
  if (more) return [waitOf('service', service.ID, lack)];
  // Even what moves may do so for ever: a task that never stops, for instance.
  if (snapshot.now < due + rules.deadlineMs && open.some(({ key }) => isMoving(draft, key)))
    return [waitOf('service', service.ID, lack, snapshot.now + againMs)];
  for (const { task } of stuck) draft.stop(task, 'surplus');
  endUpdate(draft, { why: `lack of ${lack}` });
  return [];
}

/** Whether there will be room is no event of this service. */
const lookAgainAt = ({ snapshot }: Draft, due: number): number => Math.min(due, snapshot.now + againMs);

/**
 * When to look again whether a slot that was empty before stays so for want of a node (ms since the epoch); undefined
 * once that is sure: it holds up no update.
 */
export function leftWaitingAt(draft: Draft, task: Task): number | undefined {
  const due = sureAt(draft, task);
  return due > draft.snapshot.now ? lookAgainAt(draft, due) : undefined;
}

function stuckIn(draft: Draft, slot: Slot): Stuck | undefined {
  const slotTasks = draft.tasksIn(slot.key);
  const task = slotTasks.live.find((one) => isCurrent(one, draft.service));
  const why = task && whyWaiting(task);
  return why && isAwaited(draft, slotTasks, task) ? { slot, task, why } : undefined;
}

/** Another task makes way for it. */
export const isAwaited = ({ service }: Draft, { live }: SlotTasks, { shoal }: Task): boolean =>
  shoal.replaces !== undefined || live.some((one) => !isCurrent(one, service));

/** A new task there has what it needs, or one leaves: afterwards there is more room. */
function isMoving(draft: Draft, key: string): boolean {
  const { service, snapshot } = draft;
  return draft
    .all(key)
    .some(
      (task) =>
        makesRoom(task, snapshot.nodes, snapshot.now) ||
        (draft.tasksIn(key).live.includes(task) &&
          isCurrent(task, service) &&
          !isRunning(task) &&
          whyWaiting(task) === undefined),
    );
}

/** From when on it is sure that no node takes the task, as far as is known now (ms since the epoch). */
function sureAt(draft: Draft, task: Task): number {
  const made = Date.parse(task.CreatedAt);
  if (draft.snapshot.now < made + sureMs) return made + sureMs;
  const pending = pendingReasonsOf(task);
  // If the scheduler did not look for a node, it waits for a companion.
  const passes = pending ? pending.some(({ filter }) => passing.has(filter)) : isUnassigned(task);
  return made + (passes || draft.roomSoon ? longestWaitMs : sureMs);
}

const nameOf = ({ snapshot }: Draft, { number, nodeId = '' }: Slot): string =>
  number === undefined
    ? `the task of ${snapshot.nodes.get(nodeId)?.reported.description.Hostname ?? nodeId}`
    : `slot ${number}`;
