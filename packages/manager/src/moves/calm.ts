import { isDown, isReady, type Node, shortOf } from '../model/index.ts';
import { takesTasks } from '../services/index.ts';

/** A node that came, or came back, has to stay for so long before tasks are moved to it. */
export const calmMs = 5_000;
/** One that goes down again within this time is trusted less: its next wait is twice as long, up to the longest. */
const trustMs = 60_000;
const longestCalmMs = 5 * 60_000;
/**
 * One that was short of something gets moved tasks only so long after: they might make it short again. The
 * kubelet's default of --eviction-pressure-transition-period.
 */
const relievedCalmMs = 5 * 60_000;

interface Stay {
  readonly usable: boolean;
  readonly since: number;
  readonly waitMs: number;
}

/**
 * How long each node has taken tasks without a break, so that one that comes and goes costs only so many moves.
 * Times in ms since the epoch. Kept in memory: after a restart of the manager all nodes have just come.
 */
export class Calm {
  readonly #stays = new Map<string, Stay>();
  #lastLoss = Number.NEGATIVE_INFINITY;

  constructor(nodes: Iterable<Node>, now: number) {
    for (const node of nodes) this.note(node.ID, node, now);
  }

  /** The node as it is from now on; undefined once it is removed. */
  note(id: string, node: Node | undefined, now: number): void {
    const before = this.#stays.get(id);
    if (before?.usable && !isReady(node)) this.#lastLoss = now;
    if (!node) this.#stays.delete(id);
    // As long as nobody knows whether it is gone, it is neither.
    else if (isReady(node) || isDown(node) || !before) {
      const usable = takesTasks(node);
      if (before?.usable === usable && !isShort(node)) return;
      this.#stays.set(id, { usable, since: now, waitMs: nextWait(before, node, now) });
    }
  }

  /** From when on tasks may be moved at all: shortly after a loss there is more urgent work. */
  get quietAt(): number {
    return this.#lastLoss + calmMs;
  }

  /** From when on tasks may be moved to this node; Infinity while it takes none. */
  calmAt(id: string): number {
    const stay = this.#stays.get(id);
    return stay?.usable ? stay.since + stay.waitMs : Number.POSITIVE_INFINITY;
  }

  /** When the next node will be calm; Infinity when there is none to come. */
  nextAfter(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const id of this.#stays.keys()) {
      const at = this.calmAt(id);
      if (at > now && at < next) next = at;
    }
    return next;
  }

  /** Since when it takes tasks. */
  usableSince(id: string): number | undefined {
    const stay = this.#stays.get(id);
    return stay?.usable ? stay.since : undefined;
  }
}

/** Decided when a stay ends, for the next one. */
function nextWait(before: Stay | undefined, node: Node, now: number): number {
  if (isShort(node)) return relievedCalmMs;
  if (!before) return calmMs;
  if (!before.usable) return before.waitMs;
  const fell = isDown(node);
  return fell && now - before.since < trustMs ? Math.min(2 * before.waitMs, longestCalmMs) : calmMs;
}

const isShort = (node: Node): boolean => shortOf(node).length > 0;
