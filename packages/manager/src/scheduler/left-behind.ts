import {
  heldVolumes,
  hostnameOf,
  type LeftVolume,
  localVolumes,
  slotKey,
  type Task,
} from '../model/index.ts';
import { type ReadView, slotIndexKey } from '../store/index.ts';

/** Volumes of the task of which another host has what its slot wrote there: it stays there. */
export function volumesLeftBehind(view: ReadView, task: Task, nodeId: string): LeftVolume[] {
  const volumes = localVolumes(task.Spec);
  if (volumes.length === 0) return [];
  const before = lastToRun(view, task);
  const used = before ? localVolumes(before.Spec) : [];
  const held = heldVolumes(view.services.get(task.ServiceID), task);
  return volumes.flatMap((volume) => {
    const holder = held[volume] ?? (used.includes(volume) ? before?.NodeID : undefined);
    if (holder === undefined) return [];
    if (holder === nodeId) return before?.placement?.leftBehind?.filter((one) => one.volume === volume) ?? [];
    const node = view.nodes.get(holder);
    return { volume, host: node ? hostnameOf(node) : holder };
  });
}

export const leftBehindText = ({ volume, host }: LeftVolume): string =>
  `volume ${volume} begins empty on this host, unless it had one: what was written on ${host} stays there`;

/** The newest earlier task of the slot that had a container, and so its volumes. */
function lastToRun(view: ReadView, task: Task): Task | undefined {
  const earlier = view.tasks
    .by('slot', slotIndexKey(task.ServiceID, slotKey(task)))
    .filter(({ ID, NodeID, observed }) => ID !== task.ID && NodeID && observed?.container?.ContainerID);
  return earlier.sort((a, b) => (a.CreatedAt < b.CreatedAt ? 1 : -1))[0];
}
