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
export const strainedMs = 10_000;
/**
 * After a task has left, so long is waited to see what it freed: longer than an agent takes to notice that the pressure
 * has ended, so that not one task more is moved than it needs.
 */
export const settledMs = 25_000;

interface Strain {
  readonly since: number;
  /** A task that is being moved off the node, and the one that takes its place. */
  readonly move?: { readonly old: string; readonly next: string };
  readonly freedAt?: number;
}

/**
 * Nodes that are short of something, for how long, and what is being done about it. Times in ms since the epoch. Kept
 * in memory: after a restart of the manager their pressure has just begun.
 */
export class Strains {
  readonly #strains = new Map<string, Strain>();

  /** The node as it is from now on; undefined once it is removed. */
  note(id: string, node: Node | undefined, now: number): void {
    const strain = this.#strains.get(id);
    if (!node || shortOf(node).length === 0) this.#strains.delete(id);
    else if (!strain) this.#strains.set(id, { since: now });
  }

  /** `next` shall take the place of `old`, which is on a node under pressure. */
  begin(old: Task, next: Task): void {
    const strain = this.#strains.get(old.NodeID ?? '');
    if (strain && old.NodeID)
      this.#strains.set(old.NodeID, { ...strain, move: { old: old.ID, next: next.ID } });
  }

  /** A task as it is from now on. Returns the node from which another task may be moved at some time now. */
  noteTask(id: string, task: Task | undefined, now: number): string | undefined {
    const over = !task || isTerminal(stateOf(task));
    for (const [nodeId, { move, since }] of this.#strains) {
      const left = move?.old === id && over;
      const givenUp = move?.next === id && (over || !isWanted(task));
      if (!left && !givenUp) continue;
      this.#strains.set(nodeId, { since, freedAt: now });
      return nodeId;
    }
    return undefined;
  }

  /** What has to pass before a task is moved off the node; undefined: nothing. */
  beforeMove(id: string, now: number): Wait | undefined {
    const wait = (why: string, until?: number) => waitOf('node', id, why, until);
    const strain = this.#strains.get(id);
    if (!strain) return wait('pressure');
    const { since, move, freedAt } = strain;
    if (move) return wait(`task ${move.next} to take over from ${move.old}`);
    if (freedAt !== undefined && freedAt + settledMs > now)
      return wait('what the task that left has freed', freedAt + settledMs);
    return since + strainedMs > now ? wait('the pressure to pass by itself', since + strainedMs) : undefined;
  }
}
