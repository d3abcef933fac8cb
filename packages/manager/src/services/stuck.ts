import { pendingReasonsOf, type Task, type Wait, waitOf, whyWaiting } from '../model/index.ts';
import type { Draft, Slot } from './draft.ts';
import type { Place } from './new-task.ts';
import { isRunning, isUnassigned, makesRoom } from './standing.ts';
import { overtaken } from './update/overtaken.ts';
import { endUpdate } from './update/rollout.ts';
import { isCurrent, isDirty, isUpdating } from './update/update-state.ts';

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
  readonly place: Place;
  readonly task: Task;
  readonly why: string;
}

/**
 * Ends an update, or a rollback, that can't end: nothing else of it is left to do, and no node takes what would come
 * next. The failure action applies, only that there is nothing to continue with. What waits is dropped, so that
 * nothing moves once there is room after all.
 */
export function judgeStuck(draft: Draft, places: readonly Place[]): Wait[] {
  const { service, snapshot, rules } = draft;
  if (!isUpdating(service)) return [];
  const excused = overtaken(draft);
  const open = places.filter(({ key, creatable }) => creatable && !excused.has(key));
  const stuck = open.flatMap((place) => stuckIn(draft, place) ?? []);
  const [first] = stuck;
  if (!first) return [];
  const due = Math.max(...stuck.map(({ task }) => sureAt(draft, task)));
  const lack = `a node for ${nameOf(draft, first.place)}: ${first.why}`;
  if (due > snapshot.now) return [waitOf('service', service.ID, lack, lookAgainAt(draft, due))];
  const more = stuck.length < rules.parallelism && open.some(({ key }) => isDirty(draft.slot(key), service));
  if (more) return [waitOf('service', service.ID, lack)];
  if (open.some(({ key }) => isMoving(draft, key)))
    return [waitOf('service', service.ID, lack, snapshot.now + againMs)];
  for (const { task } of stuck) draft.stop(task, 'surplus');
  endUpdate(draft, { why: `lack of ${lack}` });
  return [];
}

/** Whether there will be room is no event of this service. */
const lookAgainAt = ({ snapshot }: Draft, due: number): number => Math.min(due, snapshot.now + againMs);

/**
 * When to look again whether a place that was empty before stays so for want of a node (ms since the epoch); undefined
 * once that is sure: it holds up no update.
 */
export function leftWaitingAt(draft: Draft, task: Task): number | undefined {
  const due = sureAt(draft, task);
  return due > draft.snapshot.now ? lookAgainAt(draft, due) : undefined;
}

function stuckIn(draft: Draft, place: Place): Stuck | undefined {
  const slot = draft.slot(place.key);
  const task = slot.live.find((one) => isCurrent(one, draft.service));
  const why = task && whyWaiting(task);
  return why && isAwaited(draft, slot, task) ? { place, task, why } : undefined;
}

/** One leaves its place to it. */
export const isAwaited = ({ service }: Draft, { live }: Slot, { shoal }: Task): boolean =>
  shoal.replaces !== undefined || live.some((one) => !isCurrent(one, service));

/** A new task there has what it needs, or one leaves: afterwards there is more room. */
function isMoving(draft: Draft, key: string): boolean {
  const { service, snapshot } = draft;
  return draft
    .all(key)
    .some(
      (task) =>
        makesRoom(task, snapshot.nodes, snapshot.now) ||
        (draft.slot(key).live.includes(task) &&
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
  // Without a word of the scheduler it waits for a companion.
  const passes = pending ? pending.some(({ filter }) => passing.has(filter)) : isUnassigned(task);
  return made + (passes || draft.roomComes ? longestWaitMs : sureMs);
}

const nameOf = ({ snapshot }: Draft, { slot, nodeId = '' }: Place): string =>
  slot === undefined
    ? `the task of ${snapshot.nodes.get(nodeId)?.reported.description.Hostname ?? nodeId}`
    : `slot ${slot}`;
