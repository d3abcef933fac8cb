import { containerName } from '@shoal/proto/rules';
import { type Companion, companionOf, isWanted, slotOf, type Task } from '../model/index.ts';
import type { Draft } from './draft.ts';
import { isRunning, isUnassigned, presenceOf } from './presence.ts';

/** `shoal.network=service:NAME`: a task lives in the network of one of NAME's, and with it. */

/** Tasks whose companion has ended, or is about to: their network is gone, so they start anew beside the next. */
export function leaveCompanions(draft: Draft): void {
  for (const task of draft.tasks) {
    const name = companionOf(task.shoal.networkMode);
    if (name === undefined || !task.shoal.companion || presenceOf(task, draft.snapshot.nodes) !== 'live')
      continue;
    const stays = runningMates(draft, name).some(({ ID }) => ID === task.shoal.companion?.taskId);
    if (!stays) draft.stop(task, 'companion-ended');
  }
}

/** Gives every task that waits for a companion one, and thereby its node; or says that there is none. */
export function joinCompanions(draft: Draft): void {
  for (const task of draft.tasks) {
    const name = companionOf(task.shoal.networkMode);
    if (name === undefined || task.shoal.companion || !isWanted(task) || !isUnassigned(task)) continue;
    const running = runningMates(draft, name);
    const [own] = running.filter((other) =>
      task.NodeID ? other.NodeID === task.NodeID : other.Slot === task.Slot,
    );
    // One that is on its way is worth waiting for: beside another's companion, the two would be in each other's way.
    const isBound = Boolean(task.NodeID) || hasSlot(draft, name, task);
    const best = isBound ? own : leastShared(draft, running);
    draft.put(best ? joined(task, companion(name, best)) : waiting(task, name, isBound));
  }
}

const mates = ({ snapshot }: Draft, name: string): readonly Task[] => snapshot.companions?.(name) ?? [];

const runningMates = (draft: Draft, name: string): Task[] =>
  mates(draft, name).filter(
    (task) => isRunning(task) && isWanted(task) && presenceOf(task, draft.snapshot.nodes) === 'live',
  );

/** Whether the other service has, or has had and will fill again, the slot of this number. */
const hasSlot = (draft: Draft, name: string, { Slot }: Task): boolean =>
  mates(draft, name).some((other) => other.Slot === Slot && other.DesiredState !== 'remove');

function leastShared(draft: Draft, among: readonly Task[]): Task | undefined {
  const sharers = (one: Task) =>
    draft.tasks.filter((other) => isWanted(other) && other.shoal.companion?.taskId === one.ID).length;
  return among.toSorted((a, b) => sharers(a) - sharers(b) || (a.ID < b.ID ? -1 : 1))[0];
}

const companion = (service: string, task: Task): Companion => ({
  taskId: task.ID,
  nodeId: task.NodeID ?? '',
  container: containerName(service, slotOf(task), task.ID),
});

function joined(task: Task, to: Companion): Task {
  const { lacksCompanion: _, ...shoal } = task.shoal;
  return { ...task, shoal: { ...shoal, companion: to } };
}

function waiting(task: Task, name: string, isBound: boolean): Task {
  const where = !isBound ? '' : task.NodeID ? ' on this node' : ` in slot ${task.Slot}`;
  const lacksCompanion = `no running task of service ${name}${where}, whose network it shares`;
  return task.shoal.lacksCompanion === lacksCompanion
    ? task
    : { ...task, shoal: { ...task.shoal, lacksCompanion } };
}
