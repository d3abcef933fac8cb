import { isReady, type Node, type Subject, type Wait, waitOf } from '../model/index.ts';
import { takesTasks } from '../services/index.ts';

/** For so long after a node went down nothing is moved that could stay: replacing tasks is more urgent. */
export const quietMs = 5_000;

/** When a node that took tasks last went down or was removed. Kept in memory: a manager that has just started moves nothing at first either. */
export class RecentLoss {
  #last: number;

  /** Times in ms since the epoch. */
  constructor(now: number) {
    this.#last = now;
  }

  note(before: Node | undefined, after: Node | undefined, now: number): void {
    if (before && takesTasks(before) && !isReady(after)) this.#last = now;
  }

  /** What moves of a service, or off a node, have to wait for; undefined: nothing. */
  beforeMove({ kind, id }: Subject, now: number): Wait | undefined {
    const until = this.#last + quietMs;
    return until > now ? waitOf(kind, id, 'what a node that was lost left behind', until) : undefined;
  }
}
