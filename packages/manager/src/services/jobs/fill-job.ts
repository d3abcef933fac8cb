import {
  isDown,
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
  waitOf,
  wantsIsolation,
} from '../../model/index.ts';
import type { Draft } from '../draft.ts';
import { globalSlots } from '../modes/index.ts';
import { currentTarget, newTask, notNow, type Slot, type Target } from '../new-task.ts';
import { furthestFirst, presenceOf, whyMustLeave } from '../presence.ts';
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
  if (isPerNode(draft.service.Spec))
    return globalSlots(draft).flatMap((slot) => fill(draft, slot, { iteration }));
  const run = { iteration, former: formerTask(draft, iteration) };
  return numberedSlots(draft, iteration).flatMap((slot) => fill(draft, slot, run));
}

/** The run that a slot is filled for. */
interface Present {
  readonly iteration: number;
  /** A task of the run before that may run still: nothing starts beside it, in whatever slot, or there would be too many. */
  readonly former?: Task | undefined;
}

/** What must run only once holds up no more than its own slot on a host that is cut off. */
const formerTask = ({ tasks, snapshot: { nodes } }: Draft, iteration: number): Task | undefined =>
  tasks.find(
    (task) =>
      task.shoal.iteration !== iteration &&
      presenceOf(task, nodes) === 'leaving' &&
      !isDown(nodes.get(task.NodeID ?? '')),
  );

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

function fill(draft: Draft, slot: Slot, run: Present): Wait[] {
  const { iteration } = run;
  const { nodes, now } = draft.snapshot;
  const live = draft.tasksIn(slot.key).live.filter(({ shoal }) => shoal.iteration === iteration);
  const isDone = attemptsIn(draft, slot, iteration).some((task) => stateOf(task) === 'complete');
  const [kept] = isDone ? [] : live.filter((task) => !whyMustLeave(task, nodes)).sort(furthestFirst);
  for (const task of live) if (task !== kept) draft.stop(task, whyMustLeave(task, nodes) ?? 'surplus');
  if (isDone) return [];
  if (kept) return begin(draft, slot, kept, run);
  const target = targetOfJob(draft.service);
  const next = successorOf(attemptsIn(draft, slot, iteration), slot, target.spec.RestartPolicy, now);
  if (!next) return [];
  if (!slot.creatable) return [notNow(draft, slot)];
  if (next.wait) return [next.wait];
  const isolated = wantsIsolation(draft.service.Spec.Labels) && { isolated: true as const };
  const origin = { ...next.origin, ...isolated, iteration, stopFirst: true as const };
  const made = draft.create(newTask(draft.service.ID, slot, target, origin, draft.snapshot.ids));
  return begin(draft, slot, made, run);
}

function begin(draft: Draft, slot: Slot, task: Task, { former }: Present): Wait[] {
  if (former && task.DesiredState === 'ready')
    return [waitOf('task', task.ID, `task ${former.ID} of the run before to stop`)];
  const wait = start(draft, slot.key, task);
  return wait ? [wait] : [];
}

/** Hosts go by a task's own policy while the manager is away. */
function targetOfJob(service: Service): Target {
  const target = currentTarget(service);
  return { ...target, spec: { ...target.spec, RestartPolicy: jobRestartPolicy(target.spec.RestartPolicy) } };
}
