import { isTerminal, slotKey, type Task } from '../model/index.ts';
import { explainTask, type TaskExplanation } from '../scheduler/index.ts';
import { type ReadView, slotIndexKey } from '../store/index.ts';

interface Explanation extends TaskExplanation {
  /** Why it is not started though it has a node, if that is because of a task on a host that nobody hears. */
  readonly waitsFor: string | null;
}

/** Why a task is where it is, or nowhere, or not started yet. `now` in ms since the epoch. */
export function explain(view: ReadView, task: Task, now: number): Explanation {
  return { ...explainTask(view, task, now), waitsFor: waitsFor(view, task) };
}

/** Another one, of which only one may run, may do so still on a host that nobody hears. */
function waitsFor(view: ReadView, task: Task): string | null {
  if (task.DesiredState !== 'ready') return null;
  for (const other of view.tasks.by('slot', slotIndexKey(task.ServiceID, slotKey(task)))) {
    if (other.ID === task.ID || !other.shoal.isolated || isTerminal(other.Status.State)) continue;
    const node = view.nodes.get(other.NodeID ?? '');
    const leases = node?.judged.leases;
    const host = node?.reported.description.Hostname ?? '';
    if (leases === 'running')
      return `task ${other.ID} may run on ${host} still: for at least 15 s after the last word from there`;
    if (leases === 'unsure')
      return `task ${other.ID} may run on ${host} still, which answers without its agent: see to the agent, or say that the host is dead with docker node rm --force ${host}`;
  }
  return null;
}
