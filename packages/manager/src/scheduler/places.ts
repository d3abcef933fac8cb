import type { Task } from '../model/index.ts';

/** Slot number, or node for global services. */
type Key = number | string;
/** Nearly every place has one task. */
type Tasks = Task | readonly Task[];

/** The tasks that wait for a node, or are on one, by the place they belong to: a slot of a service. */
export class Places {
  readonly #services = new Map<string, Map<Key, Tasks>>();

  /** All of the task's place, newest first. */
  of(task: Task): readonly Task[] {
    return this.at(task.ServiceID, keyOf(task));
  }

  /** All of one place, newest first. */
  at(serviceId: string, place: Key): readonly Task[] {
    return listOf(this.#services.get(serviceId)?.get(place));
  }

  add(task: Task): void {
    let places = this.#services.get(task.ServiceID);
    if (!places) {
      places = new Map();
      this.#services.set(task.ServiceID, places);
    }
    const others = places.get(keyOf(task));
    places.set(keyOf(task), others ? [...listOf(others), task].sort(newestFirst) : task);
  }

  remove(task: Task): void {
    const places = this.#services.get(task.ServiceID);
    const [one, ...others] = this.of(task).filter(({ ID }) => ID !== task.ID);
    if (one) places?.set(keyOf(task), others.length === 0 ? one : [one, ...others]);
    else places?.delete(keyOf(task));
    if (places?.size === 0) this.#services.delete(task.ServiceID);
  }
}

const keyOf = ({ Slot, NodeID }: Task): Key => Slot ?? NodeID ?? '';

const none: readonly Task[] = [];
const isList = (tasks: Tasks): tasks is readonly Task[] => Array.isArray(tasks);
const listOf = (tasks: Tasks | undefined): readonly Task[] =>
  tasks === undefined ? none : isList(tasks) ? tasks : [tasks];

const newestFirst = (a: Task, b: Task): number =>
  a.CreatedAt === b.CreatedAt ? (a.ID < b.ID ? 1 : -1) : a.CreatedAt < b.CreatedAt ? 1 : -1;
