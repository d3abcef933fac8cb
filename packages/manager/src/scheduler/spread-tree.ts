import type { Branches } from './branches.ts';
import type { Candidate } from './candidate.ts';
import { Heap } from './heap.ts';
import type { Leaf } from './pool.ts';
import { compareCandidates, failureRank } from './scores.ts';

/** A branch of nodes: an innermost one with its leaf, or one with branches in it. */
class Branch {
  /** Active tasks of the service on all its nodes, fit for new tasks or not: they are part of the balance. */
  tasks: number;
  /** The best node of the branch; a branch without one comes last. */
  best: Candidate | undefined;
  leaf: Leaf | undefined;
  readonly inner = new Map<string, Branch>();
  branches: Heap<Branch> | undefined;

  constructor(tasks: number) {
    this.tasks = tasks;
  }

  /** Puts the branch in order, once everything is in it. */
  seal(): void {
    if (!this.leaf) {
      for (const branch of this.inner.values()) branch.seal();
      this.branches = new Heap([...this.inner.values()], compareBranches);
    }
    this.findBest();
  }

  findBest(): void {
    this.best = this.leaf ? this.leaf.best : this.branches?.top?.best;
  }
}

function compareBranches(a: Branch, b: Branch): number {
  if (!a.best || !b.best) return a.best ? -1 : b.best ? 1 : 0;
  return failureRank(a.best) - failureRank(b.best) || compareLevels(a, b, a.best, b.best);
}

/** By the tasks of the branches and of the best branches in them, level by level; then by the best nodes. */
function compareLevels(a: Branch, b: Branch, bestOfA: Candidate, bestOfB: Candidate): number {
  if (a.tasks !== b.tasks) return a.tasks - b.tasks;
  const [innerA, innerB] = [a.branches?.top, b.branches?.top];
  return innerA && innerB
    ? compareLevels(innerA, innerB, bestOfA, bestOfB)
    : compareCandidates(bestOfA, bestOfB);
}

type Place = (candidate: Candidate, branchTasks: readonly number[]) => boolean;

/**
 * One group's view of the nodes, as a tree of its spread levels: a heap of branches at each level, heaps of
 * nodes at the end. The best node is found at once; a placement costs O(levels × log nodes).
 */
export class SpreadTree {
  readonly #root = new Branch(0);
  readonly #leaves: readonly Leaf[];
  readonly #branches: Branches;

  /** `leaves` as in `branches`. `counts`: tasks of the service by path. */
  constructor(leaves: readonly Leaf[], branches: Branches, counts: ReadonlyMap<string, number>) {
    this.#leaves = leaves;
    this.#branches = branches;
    for (const [index, leaf] of leaves.entries()) {
      let branch = this.#root;
      for (const path of branches.paths[index] ?? []) {
        const inner = branch.inner.get(path) ?? new Branch(counts.get(path) ?? 0);
        branch.inner.set(path, inner);
        branch = inner;
      }
      branch.leaf = leaf;
    }
    this.#root.seal();
  }

  /**
   * Calls `place` with the best node, if any, and the tasks in its branches, outermost first. It returns
   * whether the node has room for one more.
   */
  placeOnBest(place: Place): boolean {
    return this.#placeIn(this.#root, place, []);
  }

  /** The service counts `by` tasks more on a node on which it ran; `candidate`: as it is now; `fits` where it has room. */
  recount(candidate: Candidate, fits: boolean, by: number): void {
    const { leafOf, paths } = this.#branches;
    const path = paths[leafOf[candidate.order] ?? 0] ?? [];
    this.#recountIn(this.#root, path, (leaf) => leaf.renew(candidate, fits), by);
  }

  /** Call when the group is done. */
  release(): void {
    for (const leaf of this.#leaves) leaf.release();
  }

  #recountIn(branch: Branch, path: readonly string[], renew: (leaf: Leaf) => void, by: number): void {
    const [next, ...rest] = path;
    const inner = branch.inner.get(next ?? '');
    if (inner) {
      this.#recountIn(inner, rest, renew, by);
      branch.branches?.changed(inner);
    } else if (branch.leaf) renew(branch.leaf);
    branch.tasks += by;
    branch.findBest();
  }

  #placeIn(branch: Branch, place: Place, branchTasks: number[]): boolean {
    if (branch.leaf) {
      const best = branch.leaf.take();
      if (!best) return false;
      if (place(best, branchTasks)) branch.leaf.putBack(best);
    } else {
      const inner = branch.branches?.top;
      if (!inner) return false;
      branchTasks.push(inner.tasks);
      if (!this.#placeIn(inner, place, branchTasks)) return false;
      branch.branches?.topGrew();
    }
    branch.tasks++;
    branch.findBest();
    return true;
  }
}
