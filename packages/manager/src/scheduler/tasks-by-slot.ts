import type { Task } from '../model/index.ts';

/** Slot number, or node for global services. */
type Key = number | string;
/** Nearly every slot has one task. */
type Tasks = Task | readonly Task[];

/** The tasks that wait for a node, or are on one, by the slot they belong to. */
export class TasksBySlot {
  readonly #services = new Map<string, Map<Key, Tasks>>();

  /** All of the task's slot, newest first. */
  of(task: Task): readonly Task[] {
    return this.at(task.ServiceID, keyOf(task));
  }

  /** All of one slot, newest first. */
  at(serviceId: string, slot: Key): readonly Task[] {
    return listOf(this.#services.get(serviceId)?.get(slot));
  }

  add(task: Task): void {
    let slots = this.#services.get(task.ServiceID);
    if (!slots) {
      slots = new Map();
      this.#services.set(task.ServiceID, slots);
    }
    const others = slots.get(keyOf(task));
    slots.set(keyOf(task), others ? [...listOf(others), task].sort(newestFirst) : task);
  }

  remove(task: Task): void {
    const slots = this.#services.get(task.ServiceID);
    const [one, ...others] = this.of(task).filter(({ ID }) => ID !== task.ID);
    if (one) slots?.set(keyOf(task), others.length === 0 ? one : [one, ...others]);
    else slots?.delete(keyOf(task));
    if (slots?.size === 0) this.#services.delete(task.ServiceID);
  }
}

const keyOf = ({ Slot, NodeID }: Task): Key => Slot ?? NodeID ?? '';

const none: readonly Task[] = [];
const isList = (tasks: Tasks): tasks is readonly Task[] => Array.isArray(tasks);
const listOf = (tasks: Tasks | undefined): readonly Task[] =>
  tasks === undefined ? none : isList(tasks) ? tasks : [tasks];

const newestFirst = (a: Task, b: Task): number =>
  a.CreatedAt === b.CreatedAt ? (a.ID < b.ID ? 1 : -1) : a.CreatedAt < b.CreatedAt ? 1 : -1;
