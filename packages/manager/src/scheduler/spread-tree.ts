import type { Branches } from './branches.ts';
import type { Candidate } from './candidate.ts';
import { Heap } from './heap.ts';
import { compareCandidates, failureRank } from './scores.ts';

/** A branch of nodes; the innermost hold candidates, the others branches. */
class Branch {
  /** Active tasks of the service on all its nodes, fit for new tasks or not: they are part of the balance. */
  tasks: number;
  /** The best node of the branch. */
  best: Candidate | undefined;
  readonly inner = new Map<string, Branch>();
  branches: Heap<Branch> | undefined;
  nodes: Heap<Candidate> | undefined;

  constructor(tasks: number) {
    this.tasks = tasks;
  }

  /** Puts the branch in order, once everything is in it. */
  seal(): void {
    if (!this.nodes) {
      for (const branch of this.inner.values()) branch.seal();
      this.branches = new Heap([...this.inner.values()], compareBranches);
    }
    this.findBest();
  }

  findBest(): void {
    this.best = this.nodes ? this.nodes.top : this.branches?.top?.best;
  }
}

function compareBranches(a: Branch, b: Branch): number {
  if (!a.best || !b.best) return a.best ? -1 : b.best ? 1 : 0;
  return failureRank(a.best) - failureRank(b.best) || a.tasks - b.tasks || compareCandidates(a.best, b.best);
}

/**
 * Candidates as a tree of the spread levels: a heap of branches at each level, a heap of nodes at the end.
 * The best node is found at once; taking a task costs O(levels × log nodes).
 */
export class SpreadTree {
  readonly #root: Branch;

  /** `counts`: active tasks of the service by path of a branch. */
  constructor(branches: Branches, candidates: Iterable<Candidate>, counts: ReadonlyMap<string, number>) {
    const leaves: Candidate[][] = [];
    for (const candidate of candidates) {
      const leaf = branches.leafOf[candidate.order] ?? 0;
      const others = leaves[leaf];
      if (others) others.push(candidate);
      else leaves[leaf] = [candidate];
    }
    this.#root = new Branch(0);
    for (const [leaf, nodes] of leaves.entries()) {
      if (!nodes) continue;
      let branch = this.#root;
      for (const path of branches.paths[leaf] ?? []) {
        const inner = branch.inner.get(path) ?? new Branch(counts.get(path) ?? 0);
        branch.inner.set(path, inner);
        branch = inner;
      }
      branch.nodes = new Heap(nodes, compareCandidates);
    }
    this.#root.seal();
  }

  get best(): Candidate | undefined {
    return this.#root.best;
  }

  /** Tasks in the branches of the best node, outermost first. */
  bestBranchTasks(): number[] {
    const tasks: number[] = [];
    for (let branch = this.#root.branches?.top; branch; branch = branch.branches?.top) {
      tasks.push(branch.tasks);
    }
    return tasks;
  }

  /** Call after a task was placed on the best node; `full` takes the node out. */
  placed(full: boolean): void {
    this.#settle(this.#root, full);
  }

  #settle(branch: Branch, full: boolean): void {
    branch.tasks++;
    const inner = branch.branches?.top;
    if (inner) {
      this.#settle(inner, full);
      if (inner.best) branch.branches?.topGrew();
      else branch.branches?.pop();
    } else if (full) branch.nodes?.pop();
    else branch.nodes?.topGrew();
    branch.findBest();
  }
}
