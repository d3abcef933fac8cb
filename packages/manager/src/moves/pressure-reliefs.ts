import {
  isTerminal,
  isWanted,
  type Node,
  shortOf,
  stateOf,
  type Task,
  type Wait,
  waitOf,
} from '../model/index.ts';

/** A pressure that passes within this time moves nothing. */
export const pressedMs = 10_000;
/**
 * After a task has left, how long to wait and see what it freed: longer than an agent takes to notice that the pressure
 * has ended, so that no task more is moved than needed.
 */
export const afterReliefMs = 25_000;

interface Relief {
  readonly since: number;
  /** A task that is being moved off the node, and its successor. */
  readonly move?: { readonly old: string; readonly next: string };
  readonly freedAt?: number;
}

/**
 * Nodes that are short of something, for how long, and what is being done about it. Times in ms since the epoch. Kept
 * in memory: after a restart of the manager their pressure has just begun.
 */
export class PressureReliefs {
  readonly #reliefs = new Map<string, Relief>();

  /** The node as it is from now on; undefined once it is removed. */
  note(id: string, node: Node | undefined, now: number): void {
    const relief = this.#reliefs.get(id);
    if (!node || shortOf(node).length === 0) this.#reliefs.delete(id);
    else if (!relief) this.#reliefs.set(id, { since: now });
  }

  /** `next` is to replace `old`, which is on a node under pressure. */
  begin(old: Task, next: Task): void {
    const relief = this.#reliefs.get(old.NodeID ?? '');
    if (relief && old.NodeID)
      this.#reliefs.set(old.NodeID, { ...relief, move: { old: old.ID, next: next.ID } });
  }

  /** A task as it is from now on. Returns the node from which another task may be moved at some time now. */
  noteTask(id: string, task: Task | undefined, now: number): string | undefined {
    const over = !task || isTerminal(stateOf(task));
    for (const [nodeId, { move, since }] of this.#reliefs) {
      const left = move?.old === id && over;
      const givenUp = move?.next === id && (over || !isWanted(task));
      if (!left && !givenUp) continue;
      this.#reliefs.set(nodeId, { since, freedAt: now });
      return nodeId;
    }
    return undefined;
  }

  /** What has to pass before a task is moved off the node; undefined: nothing. */
  beforeMove(id: string, now: number): Wait | undefined {
    const wait = (why: string, until?: number) => waitOf('node', id, why, until);
    const relief = this.#reliefs.get(id);
    if (!relief) return wait('pressure');
    const { since, move, freedAt } = relief;
    if (move) return wait(`task ${move.next} to take over from ${move.old}`);
    if (freedAt !== undefined && freedAt + afterReliefMs > now)
      return wait('what the task that left has freed', freedAt + afterReliefMs);
    return since + pressedMs > now ? wait('the pressure to pass by itself', since + pressedMs) : undefined;
  }
}
