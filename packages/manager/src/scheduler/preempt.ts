import { isWanted, priorityOf, type Task } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { ClusterState } from './cluster-state.ts';
import { type Demand, demandOf } from './demand.ts';
import { applying, contestable, filters, passesAll } from './filters/index.ts';
import { compareAge } from './groups.ts';
import { NodeSet } from './node-set.ts';
import { claim, type ScheduleOptions } from './schedule.ts';
import { compareCandidates } from './scores.ts';
import { loadOf, occupies, takesRoom } from './task-load.ts';

/** So often all nodes are looked at in one round, at most. */
const mostLooks = 100;

/** Tasks that have to leave a node, so that others of a higher priority get its room. */
export interface Preemption {
  readonly nodeId: string;
  /** The task that gets the room. */
  readonly forTask: string;
  readonly victims: readonly Task[];
}

/**
 * Which tasks make way for those of `waiting` that lack nothing but room, the one with the highest priority first. What is
 * leaving already counts as gone; so the same question, asked again before it is gone, has the answer "nobody". Only tasks
 * of a lower priority go, as few and as unimportant ones as will do. A task whose slot has another one drives nobody out.
 * What can't be helped is looked at once for all tasks that ask the same, so that it keeps nobody else from being helped.
 */
export function preemptions(
  state: ClusterState,
  waiting: readonly Task[],
  tasksOn: (nodeId: string) => readonly Task[],
  options: ScheduleOptions,
): Preemption[] {
  const priority = ({ ServiceID }: Task) => priorityOf(state.services.get(ServiceID)?.Spec.Labels);
  const nodeSet = new NodeSet(state, options);
  for (const id of state.nodes.keys())
    for (const task of tasksOn(id))
      if (occupies(task) && !isWanted(task)) nodeSet.vacate(id, loadOf(task, false));
  const gone = new Set<string>();
  const helped = waiting
    .filter((task) => state.predecessorOf(task) === undefined)
    .toSorted((a, b) => priority(b) - priority(a) || compareAge(a, b));
  const made: Preemption[] = [];
  const hopeless = new Set<string>();
  let looks = mostLooks * state.nodes.size;
  for (const task of helped) {
    const demand = demandOf(task, state);
    const asked = JSON.stringify([demand.version, demand.nodeId, demand.volumes.map(({ nodeId }) => nodeId)]);
    if (hopeless.has(asked)) continue;
    const [nodes] = nodeSet.concerned(demand);
    looks -= nodes.length;
    if (looks < 0) break;
    const lowerOn = (nodeId: string) =>
      tasksOn(nodeId)
        .filter((one) => occupies(one) && isWanted(one) && !gone.has(one.ID))
        .filter((one) => priority(one) < priority(task) && takesRoom(loadOf(one, true)))
        .toSorted((a, b) => priority(a) - priority(b) || compareAge(b, a));
    const found = withoutVictims(demand, nodes) ?? leastHarm(demand, nodes, lowerOn, priority);
    if (!found) {
      hopeless.add(asked);
      continue;
    }
    for (const victim of found.victims) {
      gone.add(victim.ID);
      nodeSet.vacate(victim.NodeID ?? '', loadOf(victim, true));
    }
    nodeSet.place(demand, found.node, claim(demand, found.node));
    if (found.victims.length > 0)
      made.push({ nodeId: found.node.node.ID, forTask: task.ID, victims: found.victims });
  }
  return made;
}

interface Way {
  readonly node: Candidate;
  readonly victims: readonly Task[];
}

function withoutVictims(demand: Demand, nodes: readonly Candidate[]): Way | undefined {
  const asked = applying(filters, demand);
  const [node] = nodes.filter((one) => passesAll(asked, demand, one)).sort(compareCandidates);
  return node && { node, victims: [] };
}

/** Where the most important of those that leave is the least important; then, where the fewest do. */
function leastHarm(
  demand: Demand,
  nodes: readonly Candidate[],
  lowerOn: (nodeId: string) => readonly Task[],
  priority: (task: Task) => number,
): Way | undefined {
  const asked = applying(filters, demand).filter(({ name }) => !contestable.has(name));
  const ways = nodes
    .filter((node) => passesAll(asked, demand, node))
    .flatMap((node): Way[] => {
      const victims = victimsOn(demand, node, lowerOn(node.node.ID));
      return victims ? [{ node, victims }] : [];
    });
  const harm = ({ victims }: Way) => Math.max(...victims.map(priority));
  return ways.sort(
    (a, b) => harm(a) - harm(b) || a.victims.length - b.victims.length || compareCandidates(a.node, b.node),
  )[0];
}

/** Undefined where even all of them are not enough. `lower`: the least important first. */
function victimsOn(demand: Demand, node: Candidate, lower: readonly Task[]): Task[] | undefined {
  const room = applying(filters, demand).filter(({ name }) => contestable.has(name));
  const victims: Task[] = [];
  for (const task of lower) {
    if (passesAll(room, demand, node)) break;
    node.used.remove(loadOf(task, true));
    victims.push(task);
  }
  const isEnough = passesAll(room, demand, node);
  // What made no difference stays, the most important first.
  const spared = new Set<Task>();
  for (const task of isEnough ? victims.toReversed() : []) {
    node.used.add(loadOf(task, true));
    if (passesAll(room, demand, node)) spared.add(task);
    else node.used.remove(loadOf(task, true));
  }
  const leaving = victims.filter((task) => !spared.has(task));
  for (const task of leaving) node.used.add(loadOf(task, true));
  return isEnough && leaving.length > 0 ? leaving : undefined;
}
