import { isTerminal, isWantedState } from '@shoal/proto/rules';
import { stateOf, type Task } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';

/** A task that a host has, as its agent says. */
export interface HostTask {
  readonly taskId: string;
  readonly serviceName: string;
  /** It has not ended. */
  readonly running: boolean;
}

/** Tasks of one service. */
export interface ServiceTasks {
  readonly service: string;
  readonly tasks: number;
  /** Names of the hosts that they are on. */
  readonly nodes: readonly string[];
}

/** In what the hosts are not as the state says. */
export interface Differences {
  /** Names of the nodes that said nothing. */
  readonly absent: readonly string[];
  /** What runs and would be stopped: the state does not know it, or says that it has ended. */
  readonly wouldStop: readonly ServiceTasks[];
  /** What would be started where it does not run: it was stopped or moved since. */
  readonly wouldStart: readonly ServiceTasks[];
}

/**
 * What would happen to the hosts' tasks if they were told what the state says. `answers`: what nodes said that they have.
 * `formerManager`: that node is not missed, if it says nothing; its tasks would be replaced, as those of any host that is lost.
 */
export function differences(
  view: Pick<ReadView, 'nodes' | 'tasks' | 'services'>,
  formerManager: string | undefined,
  answers: ReadonlyMap<string, readonly HostTask[]>,
): Differences {
  const absent: string[] = [];
  const wouldStop = new Tally();
  const wouldStart = new Tally();
  for (const { ID, reported } of view.nodes.all()) {
    const host = reported.description.Hostname ?? ID;
    const said = answers.get(ID);
    if (!said) {
      if (ID !== formerManager) absent.push(host);
      continue;
    }
    for (const { taskId, serviceName, running } of said) {
      const task = view.tasks.get(taskId);
      if (running && !(task?.NodeID === ID && isToRun(task))) wouldStop.add(serviceName, host);
    }
    const has = new Set(said.map(({ taskId }) => taskId));
    for (const task of view.tasks.by('node', ID))
      if (isToRun(task) && !has.has(task.ID))
        wouldStart.add(view.services.get(task.ServiceID)?.Spec.Name ?? task.ServiceID, host);
  }
  return { absent: absent.sort(), wouldStop: wouldStop.all, wouldStart: wouldStart.all };
}

const isToRun = (task: Task): boolean => isWantedState(task.DesiredState) && !isTerminal(stateOf(task));

export const areSame = ({ absent, wouldStop, wouldStart }: Differences): boolean =>
  absent.length + wouldStop.length + wouldStart.length === 0;

class Tally {
  readonly #services = new Map<string, { tasks: number; nodes: Set<string> }>();

  add(service: string, node: string): void {
    const found = this.#services.get(service) ?? { tasks: 0, nodes: new Set() };
    found.tasks++;
    found.nodes.add(node);
    this.#services.set(service, found);
  }

  get all(): ServiceTasks[] {
    return [...this.#services]
      .map(([service, { tasks, nodes }]) => ({ service, tasks, nodes: [...nodes].sort() }))
      .toSorted((a, b) => (a.service < b.service ? -1 : 1));
  }
}
