import type { GenericResource, Node } from '../model/index.ts';
import { type Branches, branchesOf } from './branches.ts';
import type { Candidate } from './candidate.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Demand } from './demand.ts';
import { type Failures, failureWindowMs } from './failures.ts';
import { applying, type Filter, nodeFilters, passesAll } from './filters/index.ts';
import { imageNames } from './images.ts';
import { Occupancy } from './occupancy.ts';
import { keyOf, tieBreak } from './scores.ts';

interface DraftNode {
  readonly node: Node;
  readonly used: Occupancy;
  readonly failures: Failures;
  readonly images: ReadonlySet<string>;
  order: number;
}

/** The cluster as it will be after the placements made so far; the state it began with stays as it is. */
export class Draft {
  readonly #nodes: readonly DraftNode[];
  readonly #byId: ReadonlyMap<string, DraftNode>;
  readonly #services: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Counts of services that got tasks in this draft. */
  readonly #changed = new Map<string, Map<string, number>>();
  /** Nodes that pass the node filters, by what these filters read of a demand. */
  readonly #eligible = new Map<string, readonly DraftNode[]>();
  /** By spread levels. */
  readonly #branches = new Map<string, Branches>();
  readonly #failuresSince: number;

  constructor(state: ClusterState, { now, seed }: { readonly now: number; readonly seed: number }) {
    this.#services = state.services;
    this.#failuresSince = now - failureWindowMs;
    this.#nodes = orderedNodes(state, seed);
    this.#byId = new Map(this.#nodes.map((node) => [node.node.ID, node]));
  }

  /** Every node. */
  candidates(demand: Demand): Candidate[] {
    return this.#look(demand, this.#nodes, []);
  }

  /** Every node whose refusal is worth a word: of a task bound to a node only that one. */
  concerned(demand: Demand): Candidate[] {
    return this.#look(demand, this.#concerned(demand), []);
  }

  /** The nodes that pass all filters; `room` are those room filters that matter to the demand. */
  fittingCandidates(demand: Demand, room: readonly Filter[]): Candidate[] {
    return this.#look(demand, this.#eligibleNodes(demand), room);
  }

  branches({ spread }: Demand): Branches {
    const key = JSON.stringify(spread.map(({ descriptor }) => descriptor));
    let branches = this.#branches.get(key);
    if (!branches) {
      branches = branchesOf(
        spread,
        this.#nodes.map(({ node }) => node),
      );
      this.#branches.set(key, branches);
    }
    return branches;
  }

  /** Active tasks of the service in each branch that has any, by the branch's path. */
  branchTasks(demand: Demand): Map<string, number> {
    const tasks = new Map<string, number>();
    if (demand.spread.length === 0) return tasks;
    const { leafOf, paths } = this.branches(demand);
    for (const [id, count] of this.#countsOf(demand.serviceId)) {
      const node = this.#byId.get(id);
      for (const path of (node && paths[leafOf[node.order] ?? 0]) ?? []) {
        tasks.set(path, (tasks.get(path) ?? 0) + count);
      }
    }
    return tasks;
  }

  place(demand: Demand, candidate: Candidate, generic: readonly GenericResource[]): void {
    const { nanoCpus, memoryBytes, ports, serviceId } = demand;
    candidate.used.add({ nanoCpus, memoryBytes, ports, generic, active: true });
    candidate.serviceTasks++;
    candidate.key = keyOf(demand, candidate);
    let counts = this.#changed.get(serviceId);
    if (!counts) {
      counts = new Map(this.#services.get(serviceId));
      this.#changed.set(serviceId, counts);
    }
    counts.set(candidate.node.ID, candidate.serviceTasks);
  }

  #look(demand: Demand, nodes: readonly DraftNode[], room: readonly Filter[]): Candidate[] {
    const counts = this.#countsOf(demand.serviceId);
    const candidates: Candidate[] = [];
    for (const { node, used, failures, images, order } of nodes) {
      const candidate = {
        node,
        used,
        order,
        serviceTasks: counts.size === 0 ? 0 : (counts.get(node.ID) ?? 0),
        failures: failures.count(demand.version, this.#failuresSince),
        imagePresent: images.size > 0 && images.has(demand.image),
        key: 0,
      };
      if (!passesAll(room, demand, candidate)) continue;
      candidate.key = keyOf(demand, candidate);
      candidates.push(candidate);
    }
    return candidates;
  }

  #concerned({ nodeId }: Demand): readonly DraftNode[] {
    if (nodeId === undefined) return this.#nodes;
    const node = this.#byId.get(nodeId);
    return node ? [node] : [];
  }

  #countsOf(serviceId: string): ReadonlyMap<string, number> {
    return this.#changed.get(serviceId) ?? this.#services.get(serviceId) ?? noCounts;
  }

  #eligibleNodes(demand: Demand): readonly DraftNode[] {
    const texts = demand.constraints?.map(({ text }) => text);
    const key = JSON.stringify([demand.nodeId, texts, demand.platforms]);
    let eligible = this.#eligible.get(key);
    if (!eligible) {
      const asked = this.#concerned(demand);
      const asking = applying(nodeFilters, demand);
      eligible = asked.filter((node) => passesAll(asking, demand, node));
      this.#eligible.set(key, eligible);
    }
    return eligible;
  }
}

const noCounts: ReadonlyMap<string, number> = new Map();

function orderedNodes(state: ClusterState, seed: number): DraftNode[] {
  const nodes: (DraftNode & { tie: number })[] = [];
  for (const [id, { node, used, failures }] of state.nodes) {
    if (!node) continue;
    const images = imageNames(node.shoal.images);
    nodes.push({ node, used: new Occupancy(used), failures, images, tie: tieBreak(id, seed), order: 0 });
  }
  nodes.sort((a, b) => a.tie - b.tie || (a.node.ID < b.node.ID ? -1 : 1));
  for (const [order, node] of nodes.entries()) node.order = order;
  return nodes;
}
