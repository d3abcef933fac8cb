import { type LeftVolume, slotKey, type Task } from '../model/index.ts';
import { type ReadView, slotIndexKey } from '../store/index.ts';

/**
 * Volumes of the task that its slot used on another host before: a named volume of driver `local` is the host's own,
 * so what was written to it stays there. One that has options may well be shared storage.
 */
export function volumesLeftBehind(view: ReadView, task: Task, nodeId: string): LeftVolume[] {
  const volumes = localVolumes(task);
  if (volumes.length === 0) return [];
  const before = lastToRun(view, task);
  if (!before) return [];
  const known = before.placement?.leftBehind ?? [];
  if (before.NodeID === nodeId) return known.filter(({ volume }) => volumes.includes(volume));
  const host = view.nodes.get(before.NodeID ?? '')?.reported.description.Hostname || (before.NodeID ?? '');
  const used = localVolumes(before);
  return volumes.filter((volume) => used.includes(volume)).map((volume) => ({ volume, host }));
}

export const leftBehindText = ({ volume, host }: LeftVolume): string =>
  `volume ${volume} begins empty on this host, unless it had one: what was written on ${host} stays there`;

const localVolumes = ({ Spec }: Task): string[] =>
  (Spec.ContainerSpec?.Mounts ?? []).flatMap(({ Type, Source, VolumeOptions }) => {
    const { Name, Options } = VolumeOptions?.DriverConfig ?? {};
    const isLocal = ['', 'local'].includes(Name ?? '') && Object.keys(Options ?? {}).length === 0;
    return Type === 'volume' && Source && isLocal ? [Source] : [];
  });

/** The newest earlier task of the slot that had a container, and so its volumes. */
function lastToRun(view: ReadView, task: Task): Task | undefined {
  const earlier = view.tasks
    .by('slot', slotIndexKey(task.ServiceID, slotKey(task)))
    .filter(({ ID, NodeID, observed }) => ID !== task.ID && NodeID && observed?.container?.ContainerID);
  return earlier.sort((a, b) => (a.CreatedAt < b.CreatedAt ? 1 : -1))[0];
}
