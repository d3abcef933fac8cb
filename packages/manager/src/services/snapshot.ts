import type { Ids } from '../effects.ts';
import { isWanted, type Service, type Task, type Wait } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import { takesTasks } from './capacity.ts';
import { decideService } from './decide.ts';
import type { NamedService, Snapshot } from './draft.ts';
import { makesRoom, presenceOf } from './presence.ts';

/** Swarm's default. */
const defaultHistoryLimit = 5;

/** What a decision about a service depends on, as it is in the store. */
export function snapshotOf(view: ReadView, service: Service, room: RoomSoon, ids: Ids): Snapshot {
  const [cluster] = view.clusters.all();
  return {
    service,
    tasks: view.tasks.by('service', service.ID),
    nodes: view.nodes,
    companions: (name) => serviceNamed(view, name)?.tasks ?? [],
    serviceNamed: (name) => serviceNamed(view, name),
    mayRun: (taskId) => {
      const task = view.tasks.get(taskId);
      return task !== undefined && ['live', 'leaving'].includes(presenceOf(task, view.nodes));
    },
    load: (nodeId) => view.tasks.by('node', nodeId).filter(isWanted).length,
    tasksOn: (nodeId) => view.tasks.by('node', nodeId),
    roomSoon: () => room.comes,
    historyLimit: cluster?.TaskHistoryRetentionLimit ?? defaultHistoryLimit,
    now: room.now,
    ids,
  };
}

/** What these services, their slots and their tasks wait for now (ms since the epoch), as their loop would decide. */
export function waitsOf(view: ReadView, services: readonly Service[], now: number): Wait[] {
  const room = new RoomSoon(view, now);
  return services.flatMap((service) => decideService(snapshotOf(view, service, room, () => 'next')).waits);
}

/** Whether tasks are leaving nodes: a look at every task, so one for all services of a round. */
export class RoomSoon {
  readonly #view: ReadView;
  readonly now: number;
  #comes: boolean | undefined;

  constructor(view: ReadView, now: number) {
    this.#view = view;
    this.now = now;
  }

  get comes(): boolean {
    const { nodes, tasks } = this.#view;
    this.#comes ??= Iterator.from(nodes.all()).some(
      (node) => takesTasks(node) && this.#makeRoom(tasks.by('node', node.ID)),
    );
    return this.#comes;
  }

  /** Tasks that have been changed since the round began. */
  note(tasks: readonly Task[]): void {
    if (this.#comes === false && this.#makeRoom(tasks)) this.#comes = true;
  }

  #makeRoom(tasks: readonly Task[]): boolean {
    return tasks.some((task) => makesRoom(task, this.#view.nodes, this.now));
  }
}

function serviceNamed(view: ReadView, name: string): NamedService | undefined {
  const service = view.services.by('name', name).find(({ shoal }) => !shoal.removing);
  return service && { service, tasks: view.tasks.by('service', service.ID) };
}
