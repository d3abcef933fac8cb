import type { GenericResource, Node } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Demand } from './demand.ts';
import { type Failures, failureWindowMs } from './failures.ts';
import { nodeFilters, passesAll, roomFilters } from './filters/index.ts';
import { hasImage } from './images.ts';
import { Occupancy } from './occupancy.ts';
import { rankOf, tieBreak } from './scores.ts';
import { type BranchTasks, branchTasks } from './spread-tree.ts';

interface DraftNode {
  readonly node: Node;
  readonly used: Occupancy;
  readonly failures: Failures;
  readonly tie: number;
}

/** The cluster as it will be after the placements made so far; the state it began with stays as it is. */
export class Draft {
  readonly #nodes = new Map<string, DraftNode>();
  readonly #failuresSince: number;
  readonly #services: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Counts of services that got tasks in this draft. */
  readonly #changed = new Map<string, Map<string, number>>();
  /** Nodes that pass the node filters, by what these filters read of a demand. */
  readonly #eligible = new Map<string, readonly DraftNode[]>();

  constructor(state: ClusterState, { now, seed }: { readonly now: number; readonly seed: number }) {
    this.#services = state.services;
    this.#failuresSince = now - failureWindowMs;
    for (const [id, entry] of state.nodes) {
      if (!entry.node) continue;
      const used = new Occupancy(entry.used);
      this.#nodes.set(id, { node: entry.node, used, failures: entry.failures, tie: tieBreak(id, seed) });
    }
  }

  /** Every node, in no particular order. */
  *candidates(demand: Demand): Iterable<Candidate> {
    const counts = this.#countsOf(demand.serviceId);
    for (const node of this.#nodes.values()) yield candidateOf(demand, node, counts, this.#failuresSince);
  }

  /** The nodes that pass all filters. */
  fittingCandidates(demand: Demand): Candidate[] {
    const counts = this.#countsOf(demand.serviceId);
    const fitting: Candidate[] = [];
    for (const node of this.#eligibleNodes(demand)) {
      const candidate = candidateOf(demand, node, counts, this.#failuresSince);
      if (passesAll(roomFilters, demand, candidate)) fitting.push(candidate);
    }
    for (const candidate of fitting) candidate.rank = rankOf(demand, candidate);
    return fitting;
  }

  branchTasks(demand: Demand): BranchTasks {
    const running = [...this.#countsOf(demand.serviceId)].flatMap(([id, serviceTasks]) => {
      const node = this.#nodes.get(id)?.node;
      return node ? [{ node, serviceTasks }] : [];
    });
    return branchTasks(demand.spread, running);
  }

  place(demand: Demand, candidate: Candidate, generic: readonly GenericResource[]): void {
    const { nanoCpus, memoryBytes, ports, serviceId } = demand;
    candidate.used.add({ nanoCpus, memoryBytes, ports, generic, active: true });
    candidate.serviceTasks++;
    let counts = this.#changed.get(serviceId);
    if (!counts) {
      counts = new Map(this.#services.get(serviceId));
      this.#changed.set(serviceId, counts);
    }
    counts.set(candidate.node.ID, candidate.serviceTasks);
  }

  #countsOf(serviceId: string): ReadonlyMap<string, number> {
    return this.#changed.get(serviceId) ?? this.#services.get(serviceId) ?? noCounts;
  }

  #eligibleNodes(demand: Demand): readonly DraftNode[] {
    if (demand.nodeId !== undefined) {
      const node = this.#nodes.get(demand.nodeId);
      return node && passesAll(nodeFilters, demand, candidateOf(demand, node, noCounts, this.#failuresSince))
        ? [node]
        : [];
    }
    const texts = demand.constraints?.map(({ text }) => text);
    const key = JSON.stringify([texts, demand.platforms]);
    const known = this.#eligible.get(key);
    if (known) return known;
    const nodes = [...this.#nodes.values()].filter((node) =>
      passesAll(nodeFilters, demand, candidateOf(demand, node, noCounts, this.#failuresSince)),
    );
    this.#eligible.set(key, nodes);
    return nodes;
  }
}

const noCounts: ReadonlyMap<string, number> = new Map();
const noRank: readonly number[] = [];

function candidateOf(
  demand: Demand,
  { node, used, failures, tie }: DraftNode,
  counts: ReadonlyMap<string, number>,
  failuresSince: number,
): Candidate {
  return {
    node,
    used,
    serviceTasks: counts.get(node.ID) ?? 0,
    failures: failures.count(demand.version, failuresSince),
    imagePresent: hasImage(node.shoal.images, demand.image),
    tie,
    rank: noRank,
  };
}
