import type { Candidate } from './candidate.ts';
import type { SpreadLevel } from './demand.ts';
import { Heap } from './heap.ts';
import { compareRanks, failureRank } from './scores.ts';

/** Active tasks of the service in each branch: by the path of branch names, '' for the whole cluster. */
export type BranchTasks = ReadonlyMap<string, number>;

/** Counts every node that runs the service, fit for new tasks or not: its tasks are part of the balance. */
export function branchTasks(
  spread: readonly SpreadLevel[],
  nodes: Iterable<Pick<Candidate, 'node' | 'serviceTasks'>>,
): BranchTasks {
  const counts = new Map<string, number>();
  for (const { node, serviceTasks } of nodes) {
    if (serviceTasks === 0) continue;
    for (const path of branchPaths(spread, node)) counts.set(path, (counts.get(path) ?? 0) + serviceTasks);
  }
  return counts;
}

/** The node's branches, outermost first. */
export function branchPaths(spread: readonly SpreadLevel[], node: Candidate['node']): string[] {
  let path = '';
  return spread.map(({ branchOf }) => {
    path = `${path}/${branchOf(node).replaceAll('/', '//')}`;
    return path;
  });
}

/** A branch of nodes; the innermost hold candidates, the others branches. */
class Branch {
  tasks: number;
  /** The best node of the branch. */
  best: Candidate | undefined;
  readonly children = new Map<string, Branch>();
  readonly candidates: Candidate[] = [];
  branches: Heap<Branch> | undefined;
  nodes: Heap<Candidate> | undefined;

  constructor(tasks: number) {
    this.tasks = tasks;
  }

  /** Puts the branch in order, once everything is in it. */
  seal(): void {
    for (const child of this.children.values()) child.seal();
    if (this.children.size > 0) this.branches = new Heap([...this.children.values()], compareBranches);
    else this.nodes = new Heap(this.candidates, compareRanks);
    this.findBest();
  }

  findBest(): void {
    this.best = this.branches ? this.branches.top?.best : this.nodes?.top;
  }
}

function compareBranches(a: Branch, b: Branch): number {
  if (!a.best || !b.best) return a.best ? -1 : b.best ? 1 : 0;
  return failureRank(a.best) - failureRank(b.best) || a.tasks - b.tasks || compareRanks(a.best, b.best);
}

/**
 * Candidates as a tree of the spread levels: a heap of branches at each level, a heap of nodes at the end.
 * The best node is found at once; taking a task costs O(levels × log nodes).
 */
export class SpreadTree {
  readonly #root: Branch;

  constructor(spread: readonly SpreadLevel[], candidates: Iterable<Candidate>, counts: BranchTasks) {
    this.#root = new Branch(0);
    for (const candidate of candidates) this.#insert(spread, candidate, counts);
    this.#root.seal();
  }

  get best(): Candidate | undefined {
    return this.#root.best;
  }

  /** Tasks in the branches of the best node, outermost first. */
  bestBranchTasks(): number[] {
    const tasks: number[] = [];
    for (let branch = this.#root.branches?.top; branch; branch = branch.branches?.top)
      tasks.push(branch.tasks);
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

  #insert(spread: readonly SpreadLevel[], candidate: Candidate, counts: BranchTasks): void {
    let branch = this.#root;
    for (const path of spread.length > 0 ? branchPaths(spread, candidate.node) : []) {
      let next = branch.children.get(path);
      if (!next) {
        next = new Branch(counts.get(path) ?? 0);
        branch.children.set(path, next);
      }
      branch = next;
    }
    branch.candidates.push(candidate);
  }
}
