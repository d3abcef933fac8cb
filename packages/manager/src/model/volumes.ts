import type { Service, TaskSpec } from './service.ts';
import { slotKey, type Task } from './task.ts';

// Specs never change in place, so each is looked through once.
const known = new WeakMap<TaskSpec, readonly string[]>();
const none: readonly string[] = [];

/**
 * Names of the volumes that are each host's own, and outlive the task. One without a name is its container's; one of
 * another driver than `local`, or of a device (an NFS share, a bind mount), is wherever its driver has it.
 */
export function localVolumes(spec: TaskSpec): readonly string[] {
  const mounts = spec.ContainerSpec?.Mounts;
  if (!mounts || mounts.length === 0) return none;
  let names = known.get(spec);
  if (!names) {
    const local = mounts.flatMap(({ Type, Source, VolumeOptions }) => {
      const { Name, Options } = VolumeOptions?.DriverConfig ?? {};
      const isHosts = ['', 'local'].includes(Name ?? '') && !Options?.['device'];
      return Type === 'volume' && Source && isHosts ? [Source] : [];
    });
    names = [...new Set(local)];
    known.set(spec, names);
  }
  return names;
}

/** By name, the node that has what was written to the volumes of the task's slot. */
export const heldVolumes = (
  service: Service | undefined,
  task: Pick<Task, 'Slot' | 'NodeID'>,
): Readonly<Record<string, string>> => service?.shoal.volumes?.[slotKey(task)] ?? {};
