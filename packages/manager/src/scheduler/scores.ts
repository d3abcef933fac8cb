import type { Candidate } from './candidate.ts';
import type { SpreadLevel } from './constraints.ts';
import type { Demand } from './demand.ts';
import { failureLimit } from './failures.ts';

/** A whole number about one node for one task; less is better. */
export interface Score {
  readonly name: string;
  readonly about: string;
  /** Values from here on count as equal. */
  readonly size: number;
  of(demand: Demand, candidate: Candidate): number;
}

/** Reserved shares count in twentieths: crumbs must not outweigh a pull saved. */
const shareSteps = 20;
/** Sizes of the scores of how full a node is. */
const [shares, crowds, most] = [32, 64, 1 << 14];
/** Nodes whose numbers of tasks differ by less than this factor are about equally crowded. */
const crowdFactor = 1.25;

/**
 * The order in which nodes are preferred. The first score that differs decides:
 *
 * 1. `recentFailures`: a node on which this very version keeps failing comes last. Before evenness, because
 *    a broken node has the fewest tasks and would draw every replacement.
 * 2. `spread:…`, one for each level of the spec's preferences, outermost first: tasks of the service in the
 *    node's branch. (In spread-tree.ts, since it is a property of branches.)
 * 3. `serviceTasks`: even over nodes within a branch.
 * 4. `reservedShare` and 5. `crowding`: how full the node would be. Before images, or else one node
 *    that has a popular image would gather all small services; but in steps, so that
 * 6. `imageMissing` decides between nodes that are about equally full.
 * 7. `nodeTasks`: the same as 5., to the last task.
 * 8. an order of all nodes that comes from their ids and the seed.
 *
 * With `shoal.strategy.placement=binpack` 3. says nothing, and 4., 5. and 7. prefer the fuller node.
 */
export const scores: readonly Score[] = [
  {
    name: 'recentFailures',
    about: `failures of this version on the node in the last 5 minutes, 0 while fewer than ${failureLimit}; one that is the node's fault (it refused the task, had no memory left for one without a limit, or a move there came to nothing) counts as ${failureLimit}`,
    size: 128,
    of: (_, { failures }) => (failures >= failureLimit ? failures : 0),
  },
  {
    name: 'serviceTasks',
    about: 'tasks of the service on the node, without those about to leave it; 0 with binpack',
    size: 1 << 14,
    of: ({ binpack }, { serviceTasks }) => (binpack ? 0 : serviceTasks),
  },
  {
    name: 'reservedShare',
    about:
      'twentieths of CPU or memory (the scarcer) that would be reserved with the task; with binpack, the fewer the more',
    size: shares,
    of: (demand, { node, used }) => {
      const all = node.reported.description.Resources;
      const share = Math.max(
        shareOf(used.nanoCpus + demand.nanoCpus, all?.NanoCPUs ?? 0),
        shareOf(used.memoryBytes + demand.memoryBytes, all?.MemoryBytes ?? 0),
      );
      return preferred(demand, Math.floor(share * shareSteps + 1e-9), shares);
    },
  },
  {
    name: 'crowding',
    about: 'tasks on the node in steps of a quarter; with binpack, the fewer the more',
    size: crowds,
    of: (demand, { used }) => preferred(demand, crowding(used.activeTasks), crowds),
  },
  {
    name: 'imageMissing',
    about: '1 when the node must pull the image first',
    size: 2,
    of: (_, { imagePresent }) => (imagePresent ? 0 : 1),
  },
  {
    name: 'nodeTasks',
    about: 'tasks on the node; with binpack, the fewer the more',
    size: most,
    of: (demand, { used }) => preferred(demand, used.activeTasks, most),
  },
];

/** All scores in one number, the most important in front: 47 bits, so that it stays exact. */
export function keyOf(demand: Demand, candidate: Candidate): number {
  let key = 0;
  for (const score of scores) key = key * score.size + Math.min(score.of(demand, candidate), score.size - 1);
  return key;
}

/** Negative when a task should rather go to `a`. Never 0 for two nodes. */
export const compareCandidates = (a: Candidate, b: Candidate): number => a.key - b.key || a.order - b.order;

/** The first that differs decides. */
export function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const belowFailures = scores.slice(1).reduce((product, { size }) => product * size, 1);

/** The first score, which comes before the spreading over branches. */
export const failureRank = ({ key }: Candidate): number => Math.floor(key / belowFailures);

const spreadName = ({ descriptor }: SpreadLevel): string => `spread:${descriptor}`;

/** Every score of a node by its name, in the order in which they decide. */
export function namedScores(
  demand: Demand,
  candidate: Candidate,
  branchTasks: readonly number[],
): Record<string, number> {
  const named: Record<string, number> = {};
  for (const score of scores) {
    named[score.name] = score.of(demand, candidate);
    if (score !== scores[0]) continue;
    for (const [level, one] of demand.spread.entries()) named[spreadName(one)] = branchTasks[level] ?? 0;
  }
  return named;
}

/** The scores that decide for tasks with these spread levels, in their order. */
export function scoreNames(spread: readonly SpreadLevel[]): { name: string; about: string }[] {
  const [first, ...rest] = scores.map(({ name, about }) => ({ name, about }));
  const levels = spread.map((level) => ({
    name: spreadName(level),
    about: `tasks of the service on nodes with the same ${level.descriptor}`,
  }));
  return [...(first ? [first] : []), ...levels, ...rest];
}

/** Less is better: by default the emptier node, with `binpack` the fuller one. */
const preferred = ({ binpack }: Demand, fullness: number, size: number): number =>
  binpack ? Math.max(0, size - 1 - fullness) : fullness;

const shareOf = (used: number, capacity: number): number =>
  capacity > 0 ? used / capacity : used > 0 ? 1 : 0;

const crowdings: number[] = [];

/** Kept by number of tasks, since it is asked for at each placement. */
function crowding(tasks: number): number {
  let step = crowdings[tasks];
  if (step === undefined) {
    step = Math.floor(Math.log(1 + tasks) / Math.log(crowdFactor));
    crowdings[tasks] = step;
  }
  return step;
}
