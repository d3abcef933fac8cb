import {
  isDown,
  isPerNode,
  iterationOf,
  jobRestartPolicy,
  jobSizeOf,
  type Node,
  type Service,
  type ServiceSpec,
  slotKey,
  stateOf,
  type Task,
} from '../../model/index.ts';
import { taskTemplate } from '../policy.ts';
import { byAge, type Nodes, presenceOf, whyNotOn } from '../presence.ts';
import { successorOf } from '../successor.ts';

/**
 * How far one slot of a run is. **failed**: its restart policy allows no further attempt. **excused**: of a global job, its node takes
 * no tasks, so nothing is done there before it does again.
 */
export type SlotState = 'untouched' | 'open' | 'completed' | 'failed' | 'excused';

/** `attempts`: its tasks of that run, newest first. `now` in ms since the epoch. */
export function slotState(
  { Spec }: Pick<Service, 'Spec'>,
  attempts: readonly Task[],
  nodes: Nodes,
  now: number,
): SlotState {
  const [newest] = attempts;
  if (!newest) return 'untouched';
  if (attempts.some((task) => stateOf(task) === 'complete')) return 'completed';
  if (attempts.some((task) => ['live', 'leaving'].includes(presenceOf(task, nodes)))) return 'open';
  const slot = { key: slotKey(newest), creatable: true };
  const policy = jobRestartPolicy(taskTemplate(Spec).RestartPolicy);
  if (!successorOf(attempts, slot, policy, now)) return 'failed';
  return isPerNode(Spec) && takesNone(nodes.get(newest.NodeID ?? ''), Spec) ? 'excused' : 'open';
}

const takesNone = (node: Node | undefined, spec: ServiceSpec): boolean =>
  node === undefined ||
  isDown(node) ||
  node.Spec.Availability === 'pause' ||
  whyNotOn(node, taskTemplate(spec).Placement) !== undefined;

/** How a job's present run stands: slots by what became of them. */
export interface JobRun {
  readonly completed: number;
  readonly failed: number;
  /** All that have to complete; of a global job, on the nodes that have had a task so far and are there, and at least one. */
  readonly total: number;
}

/** Undefined before the first run. `tasks`: all of the service; `now` in ms since the epoch. */
export function runOf(
  service: Service,
  tasks: readonly Task[],
  nodes: Nodes,
  now: number,
): JobRun | undefined {
  const iteration = iterationOf(service);
  if (iteration === undefined) return undefined;
  const slots = [
    ...Map.groupBy(
      tasks.filter(({ shoal }) => shoal.iteration === iteration),
      slotKey,
    ).values(),
  ];
  const states = slots.map((attempts) => slotState(service, attempts.toSorted(byAge), nodes, now));
  const count = (state: SlotState) => states.filter((one) => one === state).length;
  return {
    completed: count('completed'),
    failed: count('failed'),
    total: isPerNode(service.Spec)
      ? Math.max(1, slots.length - count('excused'))
      : jobSizeOf(service.Spec).totalCompletions,
  };
}

/** Nothing of the run will be done any more. */
export const isOver = ({ completed, failed, total }: JobRun): boolean => completed + failed >= total;
