import {
  isPerNode,
  isWanted,
  iterationOf,
  jobRestartPolicy,
  jobSizeOf,
  type Service,
  slotKey,
  stateOf,
  type Task,
  type Wait,
  wantsIsolation,
} from '../../model/index.ts';
import type { Draft } from '../draft.ts';
import { globalSlots } from '../modes/index.ts';
import { currentTarget, newTask, notNow, type Slot, type Target } from '../new-task.ts';
import { furthestFirst, whyMustLeave } from '../presence.ts';
import { start } from '../start.ts';
import { successorOf } from '../successor.ts';
import { slotState } from './run.ts';

/**
 * Brings a job's present run on: one task after the other in each slot, until one completes or the restart policy says that
 * it is enough. Tasks of former runs stop. Returns what has to wait.
 */
export function fillJob(draft: Draft): Wait[] {
  const iteration = iterationOf(draft.service);
  for (const task of draft.tasks)
    if (isWanted(task) && task.shoal.iteration !== iteration) draft.stop(task, 'replaced');
  if (iteration === undefined) return [];
  const slots = isPerNode(draft.service.Spec) ? globalSlots(draft) : numberedSlots(draft, iteration);
  return slots.flatMap((slot) => fill(draft, slot, iteration));
}

/** Those that were begun, and as many more as may run beside them, in order. Numbers begin at 0, as in Swarm. */
function numberedSlots(draft: Draft, iteration: number): Slot[] {
  const { maxConcurrent, totalCompletions } = jobSizeOf(draft.service.Spec);
  const { nodes, now } = draft.snapshot;
  const slots: Slot[] = [];
  const untouched: Slot[] = [];
  let open = 0;
  for (let number = 0; number < totalCompletions; number++) {
    const slot = { key: slotKey({ Slot: number } as Task), number, creatable: true };
    const state = slotState(draft.service, attemptsIn(draft, slot, iteration), nodes, now);
    if (state === 'open') open++;
    (state === 'untouched' ? untouched : slots).push(slot);
  }
  return [...slots, ...untouched.slice(0, Math.max(0, maxConcurrent - open))];
}

/** Newest first. */
const attemptsIn = (draft: Draft, { key }: Slot, iteration: number): Task[] =>
  draft.tasksIn(key).tasks.filter(({ shoal }) => shoal.iteration === iteration);

function fill(draft: Draft, slot: Slot, iteration: number): Wait[] {
  const { nodes, now } = draft.snapshot;
  const live = draft.tasksIn(slot.key).live.filter(({ shoal }) => shoal.iteration === iteration);
  const isDone = attemptsIn(draft, slot, iteration).some((task) => stateOf(task) === 'complete');
  const [kept] = isDone ? [] : live.filter((task) => !whyMustLeave(task, nodes)).sort(furthestFirst);
  for (const task of live) if (task !== kept) draft.stop(task, whyMustLeave(task, nodes) ?? 'surplus');
  if (isDone) return [];
  if (kept) return asList(start(draft, slot.key, kept));
  const target = targetOfJob(draft.service);
  const next = successorOf(attemptsIn(draft, slot, iteration), slot, target.spec.RestartPolicy, now);
  if (!next) return [];
  if (!slot.creatable) return [notNow(draft, slot)];
  if (next.wait) return [next.wait];
  const isolated = wantsIsolation(draft.service.Spec.Labels) && { isolated: true as const };
  const origin = { ...next.origin, ...isolated, iteration, stopFirst: true as const };
  const made = draft.create(newTask(draft.service.ID, slot, target, origin, draft.snapshot.ids));
  return asList(start(draft, slot.key, made));
}

/** Hosts go by a task's own policy while the manager is away. */
function targetOfJob(service: Service): Target {
  const target = currentTarget(service);
  return { ...target, spec: { ...target.spec, RestartPolicy: jobRestartPolicy(target.spec.RestartPolicy) } };
}

const asList = <T>(one: T | undefined): T[] => (one === undefined ? [] : [one]);
