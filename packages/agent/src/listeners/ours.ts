import type { Assignment, TaskStatus } from '@shoal/proto';
import { portKey } from '@shoal/proto/rules';
import { bodyOf, portsOf } from '../task/index.ts';
import type { Ours } from './listeners.ts';

/** Which ports of the host are those of the agent's own tasks. */
export function oursOf(
  tasks: ReadonlyMap<string, Assignment>,
  statuses: readonly Pick<TaskStatus, 'taskId' | 'container' | 'ports'>[],
  pid: number,
): Ours {
  const asked = [...tasks.values()].flatMap((task) => portsOf(bodyOf(task)));
  const ports = [...asked, ...statuses.flatMap((each) => each.ports)]
    // Docker chooses the others; their numbers are not known yet.
    .filter(({ published }) => published > 0);
  return {
    pid,
    ports: new Set(ports.map(({ protocol, published }) => portKey(protocol, published))),
    services: new Map(
      statuses.flatMap(({ taskId, container }) => {
        const service = tasks.get(taskId)?.serviceId;
        return container && service ? [[container.id, service] as const] : [];
      }),
    ),
  };
}
