import { type Node, stateOf, type Task, type Wait, waitOf, whyWaiting } from '../model/index.ts';
import type { Draft } from './draft.ts';
import { byAge, isRunning, presenceOf } from './presence.ts';

/** What another service's task does is no event of this one: so often is looked whether it has left its room. */
const roomPollMs = 500;

const aboutTask = ({ ID }: Task, why: string, until?: number): Wait => waitOf('task', ID, why, until);

/** Starts a prepared task of the slot `key`, unless it has to wait: then the answer says for what. */
export function start(draft: Draft, key: string, task: Task): Wait | undefined {
  if (task.DesiredState !== 'ready') return undefined;
  const wait = heldBackBy(draft, key, task);
  if (!wait) draft.put({ ...task, DesiredState: 'running' });
  return wait;
}

/** Its delay has to be over and, with stop-first, all others of its slot have to be stopped. */
function heldBackBy(draft: Draft, key: string, task: Task): Wait | undefined {
  const { snapshot } = draft;
  const { startAfter = 0, exchange } = task.shoal;
  if (startAfter > snapshot.now) return aboutTask(task, afterFailures(task), startAfter);
  const [other] = startsAfterStop(draft, task) ? occupants(draft, key, task) : [];
  if (other) return aboutTask(task, toStop(draft, other));
  if (exchange && snapshot.mayRun?.(exchange.old))
    return aboutTask(task, `task ${exchange.old} to stop`, snapshot.now + roomPollMs);
  return undefined;
}

/** A move has an order of its own: between two nodes tasks can run side by side that could not on one. */
export const startsAfterStop = ({ rules }: Draft, { shoal }: Task): boolean =>
  shoal.stopFirst === true || (shoal.moves === undefined && rules.order === 'stop-first');

/** Other tasks of a slot that may still be running where they can be heard. */
function occupants(draft: Draft, key: string, than: Task): Task[] {
  const mayRun = (task: Task) => ['live', 'leaving'].includes(presenceOf(task, draft.snapshot.nodes));
  return draft
    .all(key)
    .filter((task) => task.ID !== than.ID && mayRun(task))
    .sort(byAge);
}

/** One that must run only once may do so still on a host that nobody hears. */
function toStop({ snapshot }: Draft, { ID, NodeID, shoal }: Task): string {
  const node = snapshot.nodes.get(NodeID ?? '');
  const still = shoal.isolated && node ? runsStill(node) : '';
  return `task ${ID} to stop${still}`;
}

function runsStill({ reported, judged: { leases } }: Node): string {
  const host = reported.description.Hostname ?? '';
  if (leases === 'running')
    return `; it may run on ${host} still: for at least 15 s after the last word from there`;
  return leases === 'unsure'
    ? `; it may run on ${host} still, which answers without its agent: see to the agent, or say that the host is dead with docker node rm --force ${host}`
    : '';
}

const afterFailures = ({ ID, shoal: { failures = 0 } }: Task): string =>
  `task ${ID} to run after ${failures} that ended early`;

/**
 * What tasks wait for that are on their way: for a node, or for their agents. `known` are waits of which one about a task
 * says more than that it is under way.
 */
export function underWay(draft: Draft, known: readonly Wait[]): Wait[] {
  const told = new Set(known.flatMap(({ about }) => (about.kind === 'task' ? about.id : [])));
  return draft.tasks.flatMap((task) => {
    const presence = presenceOf(task, draft.snapshot.nodes);
    if (presence === 'leaving') return aboutTask(task, toStop(draft, task));
    if (presence !== 'live') return [];
    const { ID, observed, shoal } = task;
    if (isRunning(task))
      return observed?.err ? aboutTask(task, `task ${ID}, which gets no traffic: ${observed.err}`) : [];
    const why = whyWaiting(task);
    if (why !== undefined) return aboutTask(task, `task ${ID}: ${why}`);
    if (told.has(ID)) return [];
    return aboutTask(task, shoal.failures ? afterFailures(task) : `task ${ID}, which is ${stateOf(task)}`);
  });
}
