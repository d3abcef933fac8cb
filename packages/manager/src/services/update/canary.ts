import { canaryStepsOf } from '../../model/index.ts';
import type { Draft } from '../draft.ts';
import type { Slot } from '../new-task.ts';
import { isCurrent, isFit, needsUpdate } from './update-state.ts';

/** How far an update by canary has come. */
export interface Stage {
  /** So many slots may have the new version now. */
  readonly most: number;
  /** For people; absent once all may have it. */
  readonly text?: string;
  /** When the next step is due as far as is known (ms since the epoch). */
  readonly until?: number;
}

/**
 * The present step, as the tasks show it: a step is over once as many slots as it asks for have the new version, and all of
 * these have served for its wait; or once there are more. So nothing has to be remembered, and a task that is replaced in
 * between proves itself anew. Undefined where the service is updated as usual, or rolled back.
 */
export function canaryStage(draft: Draft, slots: readonly Slot[]): Stage | undefined {
  const { service, snapshot } = draft;
  const steps = canaryStepsOf(service.Spec.Labels);
  if (!steps || service.UpdateStatus?.State !== 'updating') return undefined;
  const open = slots.filter(({ creatable }) => creatable);
  const converted = open.filter(({ key }) => !needsUpdate(draft.tasksIn(key), service));
  const since = Math.max(0, ...converted.map(({ key }) => servesSince(draft, key)));
  let waitMs = 0;
  for (const [i, { percent, waitMs: own }] of steps.entries()) {
    const most = sharesOf(open.length, percent);
    const text = `canary step ${i + 1} of ${steps.length}: ${most} of ${open.length} tasks (${percent}%)`;
    if (converted.length < most) return { most, text };
    waitMs += own;
    // Of a few tasks two shares may be as many: their waits come one after the other.
    const next = steps[i + 1];
    if (next && sharesOf(open.length, next.percent) === most) continue;
    const due = since + waitMs;
    const isOver = most === open.length || converted.length > most || due <= snapshot.now;
    if (!isOver) return { most, text, ...(Number.isFinite(due) && { until: due }) };
    waitMs = 0;
  }
  return { most: open.length };
}

const sharesOf = (slots: number, percent: number): number => Math.ceil((slots * percent) / 100);

/** Since when the slot's new task has run, if it gets traffic and answers well (ms since the epoch); Infinity where it does not. */
function servesSince(draft: Draft, key: string): number {
  const task = draft
    .tasksIn(key)
    .live.find((one) => isCurrent(one, draft.service) && isFit(one, draft.service));
  return task?.shoal.runningSince ?? Number.POSITIVE_INFINITY;
}
