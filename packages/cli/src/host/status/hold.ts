import { managerAt } from '../../manager/index.ts';
import { paths } from '../settings.ts';

interface ServiceTasks {
  readonly service: string;
  readonly tasks: number;
  readonly nodes: readonly string[];
}

/** Whether the hosts have yet to follow a restored state, and in what they differ from it. */
export interface RestoreState {
  readonly onHold: boolean;
  readonly madeAt?: string;
  readonly absent?: readonly string[];
  readonly wouldStop?: readonly ServiceTasks[];
  readonly wouldStart?: readonly ServiceTasks[];
}

/** Undefined while this host's manager does not say. */
export function restoreState(): Promise<RestoreState | undefined> {
  const manager = managerAt({ address: `unix://${paths.socket}`, socketPath: paths.socket });
  return manager.ask<RestoreState>('GET', '/shoal/v1/restore').catch(() => undefined);
}

/** For people; nothing when all is as the state says. */
export const holdLines = ({ absent = [], wouldStop = [], wouldStart = [] }: RestoreState): string[] => [
  ...(absent.length > 0 ? [`not heard of yet: ${absent.join(', ')}`] : []),
  ...wouldStop.map((each) => `the backup does not know, and would stop: ${tasksLine(each)}`),
  ...wouldStart.map((each) => `would start again: ${tasksLine(each)}`),
];

const tasksLine = ({ service, tasks, nodes }: ServiceTasks): string =>
  `${service || 'of no service'}, ${tasks} ${tasks === 1 ? 'task' : 'tasks'} on ${nodes.join(', ')}`;
