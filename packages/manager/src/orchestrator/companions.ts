import { type Companion, companionOf, type Task } from '../model/index.ts';
import type { Draft } from './draft.ts';
import { isRunning, isUnassigned, isWanted, standing } from './standing.ts';

/** `shoal.network=service:NAME`: a task lives in the network of one of NAME's, and with it. */

/** Tasks whose companion has ended, or is about to: their network is gone, so they start anew beside the next. */
export function leaveCompanions(draft: Draft): void {
  for (const task of draft.tasks) {
    const name = companionOf(task.shoal.networkMode);
    if (name === undefined || !task.shoal.companion || standing(task, draft.facts.nodes) !== 'live') continue;
    const stays = candidates(draft, name).some(({ ID }) => ID === task.shoal.companion?.taskId);
    if (!stays) draft.stop(task, 'companion-ended');
  }
}

/** Gives every task that waits for a companion one, and thereby its node; or says that there is none. */
export function joinCompanions(draft: Draft): void {
  for (const task of draft.tasks) {
    const name = companionOf(task.shoal.networkMode);
    if (name === undefined || task.shoal.companion || !isWanted(task) || !isUnassigned(task)) continue;
    const best = choose(draft, task, candidates(draft, name));
    if (best) draft.put(joined(task, companion(name, best)));
    else draft.put(waiting(task, name));
  }
}

const candidates = ({ facts }: Draft, name: string): Task[] =>
  (facts.companions?.(name) ?? []).filter(
    (task) => isRunning(task) && isWanted(task) && standing(task, facts.nodes) === 'live',
  );

/** The one in the same slot, or on the same node for a global service; else one that shares with the fewest. */
function choose(draft: Draft, task: Task, among: readonly Task[]): Task | undefined {
  if (task.NodeID) return among.find(({ NodeID }) => NodeID === task.NodeID);
  const sharers = (one: Task) =>
    draft.tasks.filter((other) => isWanted(other) && other.shoal.companion?.taskId === one.ID).length;
  return (
    among.find(({ Slot }) => Slot === task.Slot) ??
    among.toSorted((a, b) => sharers(a) - sharers(b) || (a.ID < b.ID ? -1 : 1))[0]
  );
}

const companion = (service: string, { ID, NodeID = '', Slot }: Task): Companion => ({
  taskId: ID,
  nodeId: NodeID,
  container: `${service}.${Slot ?? NodeID}.${ID}`,
});

function joined(task: Task, to: Companion): Task {
  const { Err: _, ...Status } = task.Status;
  return { ...task, NodeID: to.nodeId, Status, shoal: { ...task.shoal, companion: to } };
}

function waiting(task: Task, name: string): Task {
  const Err = `no running task of service ${name}${task.NodeID ? ' on this node' : ''}, whose network it shares`;
  return task.Status.Err === Err ? task : { ...task, Status: { ...task.Status, Err } };
}
