import type { MemoryUse, TaskStatus } from '@shoal/proto';
import { groupsOf, type Kernel, memoryOf } from './cgroup.ts';

/** Bytes of memory that each running task uses; those of which the kernel does not tell are missing. */
export async function memoryUse(kernel: Kernel, statuses: readonly TaskStatus[]): Promise<MemoryUse> {
  const tasks = await Promise.all(
    statuses.map(async ({ taskId, container }) => {
      const group = container?.pid ? (await groupsOf(kernel, container.pid, 'memory')).at(-1) : undefined;
      const use = group && (await memoryOf(group));
      return use ? [{ taskId, bytes: use.used }] : [];
    }),
  );
  return { tasks: tasks.flat() };
}
