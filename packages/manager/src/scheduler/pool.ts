import type { Branches } from './branches.ts';
import type { Candidate } from './candidate.ts';
import type { Demand } from './demand.ts';
import { type Filter, passesAll } from './filters/index.ts';
import { Heap } from './heap.ts';
import { compareCandidates, keyOf } from './scores.ts';

interface Pooled extends Candidate {
  /** Tasks on the node when `key` was computed. */
  keyedAt: number;
}

/**
 * The nodes fit for demands that ask the same of a node, seen as by a service that is nowhere yet. All
 * groups with such demands share it, so that a group costs no look at every node.
 *
 * Placements (of any group) only ever make a node fuller, thus its key greater: it is enough to bring a node
 * up to date when it comes to the top.
 */
export class Pool {
  /** Heaps of nodes, by innermost branch. */
  readonly leaves: readonly (Heap<Pooled> | undefined)[];
  readonly #demand: Demand;
  readonly #room: readonly Filter[];

  /** `room` are those room filters that apply to the demand. */
  constructor(demand: Demand, candidates: Iterable<Candidate>, room: readonly Filter[], branches: Branches) {
    this.#demand = demand;
    this.#room = room;
    const leaves: Pooled[][] = [];
    for (const candidate of candidates) {
      if (!passesAll(room, demand, candidate)) continue;
      const pooled = { ...candidate, key: keyOf(demand, candidate), keyedAt: candidate.used.tasks };
      const leaf = branches.leafOf[candidate.order] ?? 0;
      const others = leaves[leaf];
      if (others) others.push(pooled);
      else leaves[leaf] = [pooled];
    }
    this.leaves = Array.from(leaves, (nodes) => nodes && new Heap(nodes, compareCandidates));
  }

  /** The best node of a leaf that still has room, with its present key. */
  top(leaf: Heap<Pooled>): Pooled | undefined {
    for (let top = leaf.top; top; top = leaf.top) {
      if (top.keyedAt === top.used.tasks) return top;
      if (passesAll(this.#room, this.#demand, top)) {
        top.key = keyOf(this.#demand, top);
        top.keyedAt = top.used.tasks;
        leaf.topGrew();
      } else leaf.pop();
    }
    return undefined;
  }
}

/** One innermost branch for one group: the pool's nodes, and those that are special to the group's service. */
export class Leaf {
  readonly #pool: Pool;
  readonly #fresh: Heap<Pooled> | undefined;
  /** Each seen as it is for this very group. */
  readonly #special: Heap<Candidate>;
  /** By `order`: as special nodes were seen last, where that changed; what else the heap has of them is out of date. */
  readonly #renewed = new Map<number, Candidate>();
  /** By `order`, fit or not, if they pass the node filters; they are not to be taken out of the pool as if they were nothing special. */
  readonly #isSpecial: ReadonlySet<number>;
  /** Out of the pool until the group is done. */
  readonly #aside: Pooled[] = [];

  constructor(pool: Pool, index: number, special: Candidate[], isSpecial: ReadonlySet<number>) {
    this.#pool = pool;
    this.#fresh = pool.leaves[index];
    this.#special = new Heap(special, compareCandidates);
    this.#isSpecial = isSpecial;
  }

  get best(): Candidate | undefined {
    const [fresh, special] = [this.#bestFresh(), this.#bestSpecial()];
    return fresh && !isBetter(special, fresh) ? fresh : special;
  }

  /** Takes the best node out, for the caller to place a task on it. */
  take(): Candidate | undefined {
    const [fresh, special] = [this.#bestFresh(), this.#bestSpecial()];
    if (!fresh || !this.#fresh || isBetter(special, fresh)) return this.#special.pop();
    this.#fresh.pop();
    this.#aside.push(fresh);
    return { ...fresh };
  }

  /** Puts a taken node back, now one that runs the service. */
  putBack(candidate: Candidate): void {
    this.#special.push(candidate);
  }

  /** A node that runs the service has changed; `fits` where it has room. */
  renew(candidate: Candidate, fits: boolean): void {
    if (!this.#isSpecial.has(candidate.order)) return;
    this.#renewed.set(candidate.order, candidate);
    if (fits) this.#special.push(candidate);
  }

  /** Gives the pool its nodes back. */
  release(): void {
    for (const node of this.#aside) this.#fresh?.push(node);
  }

  #bestSpecial(): Candidate | undefined {
    for (let top = this.#special.top; top; top = this.#special.top) {
      if ((this.#renewed.get(top.order) ?? top) === top) return top;
      this.#special.pop();
    }
    return undefined;
  }

  #bestFresh(): Pooled | undefined {
    const fresh = this.#fresh;
    if (!fresh) return undefined;
    let top = this.#pool.top(fresh);
    while (top && this.#isSpecial.has(top.order)) {
      fresh.pop();
      this.#aside.push(top);
      top = this.#pool.top(fresh);
    }
    return top;
  }
}

const isBetter = (a: Candidate | undefined, b: Candidate): boolean =>
  a !== undefined && compareCandidates(a, b) < 0;
