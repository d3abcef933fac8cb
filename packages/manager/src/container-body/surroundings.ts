import { taskName } from '@shoal/proto/rules';
import { type Node, type Service, slotOf, type Task } from '../model/index.ts';
import type { Fields, UserMap } from '../template/index.ts';

/** What templates may name: the fields of swarmkit's template/context.go. */
export interface Surroundings extends Fields {
  readonly Service: { readonly ID: string; readonly Name: string; readonly Labels: UserMap };
  readonly Node: {
    readonly ID: string;
    readonly Hostname: string;
    readonly Platform: { readonly Architecture: string; readonly OS: string };
  };
  readonly Task: { readonly ID: string; readonly Name: string; readonly Slot: string };
}

/** Of a task, as its service and node are now; either may be gone already. */
export function surroundingsOf(
  task: Task,
  service: Service | undefined,
  node: Node | undefined,
): Surroundings {
  const name = service?.Spec.Name ?? task.ServiceID;
  const { Hostname, Platform } = node?.reported.description ?? {};
  return {
    Service: { ID: task.ServiceID, Name: name, Labels: new Map(Object.entries(service?.Spec.Labels ?? {})) },
    Node: {
      ID: task.NodeID ?? '',
      Hostname: Hostname ?? '',
      Platform: { Architecture: Platform?.Architecture ?? '', OS: Platform?.OS ?? '' },
    },
    Task: { ID: task.ID, Name: `${taskName(name, slotOf(task))}.${task.ID}`, Slot: slotOf(task) },
  };
}
