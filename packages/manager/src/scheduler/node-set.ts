import type { GenericResource, Node } from '../model/index.ts';
import { type Branches, branchesOf } from './branches.ts';
import type { Candidate, Census } from './candidate.ts';
import type { ClusterState, Vacancy } from './cluster-state.ts';
import type { SpreadLevel } from './constraints.ts';
import type { Demand } from './demand.ts';
import { type Failures, failureLimit, failureWindowMs } from './failures.ts';
import { applying, type Filter, nodeFilters, passesAll } from './filters/index.ts';
import { imageNames } from './images.ts';
import type { Neighbours } from './neighbours.ts';
import { changeCount, Occupancy } from './occupancy.ts';
import { Leaf, Pool } from './pool.ts';
import { keyOf } from './scores.ts';
import { SpreadTree } from './spread-tree.ts';
import type { TaskLoad } from './task-load.ts';

/** Of a demand, what the node filters read. All else is here by its name, so that nothing is left out of the keys by mistake. */
type AskedOfNode = Exclude<
  keyof Demand,
  AskedOfRoom | 'serviceId' | 'version' | 'maxReplicas' | 'mayBeginEmpty'
>;
/** What the room filters and the scores read, of a service that is nowhere yet. */
type AskedOfRoom =
  | 'nanoCpus'
  | 'memoryBytes'
  | 'generic'
  | 'ports'
  | 'spread'
  | 'image'
  | 'near'
  | 'apart'
  | 'binpack';

/** Of pools kept at a time; each holds all nodes. */
const maxPools = 32;

interface NodeEntry {
  readonly node: Node;
  readonly now: number;
  readonly used: Occupancy;
  readonly failures: Failures;
  readonly images: ReadonlySet<string>;
  readonly order: number;
}

/** The nodes as they will be after the placements made so far (as the scheduler of SwarmKit has one); the state it began with stays as it is. */
export class NodeSet implements Census {
  readonly #nodes: readonly NodeEntry[];
  readonly #byId: ReadonlyMap<string, NodeEntry>;
  /** Tasks that count, by service, then node. */
  readonly #counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Counts of services that got tasks here. */
  readonly #changed = new Map<string, Map<string, number>>();
  /** Nodes that pass the node filters, by what these filters read of a demand. */
  readonly #eligible = new Map<string, ReadonlySet<NodeEntry>>();
  readonly #pools = new Map<string, Pool>();
  readonly #images: ReadonlyMap<string, number>;
  /** Nodes with any failures. */
  readonly #failing: readonly NodeEntry[];
  /** Ids of networks that some node keeps off. */
  readonly #closed: ReadonlySet<string>;
  /** By spread levels. */
  readonly #branches = new Map<string, Branches>();
  readonly #failuresSince: number;
  /** Tasks of services by what nodes are beside each other for; of those that changed since, it is made anew. */
  readonly #beside = new Map<string, Map<string, ReadonlyMap<string, number>>>();
  /** Grows with every change of a count. */
  #moment = 0;
  /** Nodes with more room than they have in truth. */
  #vacated: readonly NodeEntry[] = [];

  constructor(state: ClusterState, { now, seed }: { readonly now: number; readonly seed: number }) {
    this.#counts = state.counts;
    this.#images = state.images;
    this.#failuresSince = now - failureWindowMs;
    this.#nodes = orderedNodes(state, now, seed);
    this.#failing = this.#nodes.filter(({ failures }) => !failures.empty);
    const closing = this.#nodes.filter(({ node }) => node.allotted.closedTo !== undefined);
    this.#closed = new Set(
      closing.flatMap(({ node }) => (node.allotted.closedTo ?? []).map(({ networkId }) => networkId)),
    );
    this.#byId = new Map(this.#nodes.map((node) => [node.node.ID, node]));
  }

  /** Every node. */
  candidates(demand: Demand): Candidate[] {
    return this.#look(demand, this.#nodes);
  }

  candidate(demand: Demand, nodeId: string): Candidate | undefined {
    const node = this.#byId.get(nodeId);
    return node && this.#look(demand, [node])[0];
  }

  /**
   * Every node whose refusal is worth a look: of a task bound to a node, or to one that has its volume, only that one. And
   * how many others have not its volume.
   */
  concerned(demand: Demand): [Candidate[], number] {
    const possible = this.#possible(demand);
    const isBound = demand.nodeId !== undefined;
    return [this.#look(demand, possible), isBound ? 0 : this.#nodes.length - possible.length];
  }

  /** One group's view of the nodes that pass all filters; `room` are the room filters that apply. */
  tree(demand: Demand, room: readonly Filter[]): SpreadTree {
    const branches = this.branches(demand);
    const { leafOf, paths } = branches;
    const eligible = this.#eligibleKey(demand);
    const special = this.#special(demand, eligible);
    const orders = special.length === 0 ? noOrders : new Set(special.map(({ order }) => order));
    const pool = this.#pool(demand, room, eligible);
    const fitting = this.#look(demand, special).filter((candidate) => passesAll(room, demand, candidate));
    const byLeaf = Map.groupBy(fitting, ({ order }) => leafOf[order] ?? 0);
    const leaves = Array.from(
      { length: Math.max(1, paths.length) },
      (_, index) => new Leaf(pool, index, byLeaf.get(index) ?? [], orders),
    );
    return new SpreadTree(leaves, branches, this.branchTasks(demand));
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

  /** Looks, during `look`, as if what is about to leave had left. */
  vacated<T>(vacancies: readonly Vacancy[], look: () => T): T {
    if (vacancies.length === 0) return look();
    const used = vacancies.flatMap(({ nodeId, load }) => {
      const node = this.#byId.get(nodeId);
      return node ? [{ node, load }] : [];
    });
    this.#vacated = used.map(({ node }) => node);
    for (const { node, load } of used) node.used.remove(load);
    const seen = look();
    for (const { node, load } of used) node.used.add(load);
    this.#vacated = [];
    return seen;
  }

  tasksBeside({ serviceId, level }: Neighbours, node: Node): number {
    if (serviceId === undefined) return 0;
    const counts = this.#countsOf(serviceId);
    const branch = level?.branchOf(node);
    // Without the label, a node is beside itself alone.
    if (!level || !branch) return counts.get(node.ID) ?? 0;
    let levels = this.#beside.get(serviceId);
    if (!levels) {
      levels = new Map();
      this.#beside.set(serviceId, levels);
    }
    let branches = levels.get(level.descriptor);
    if (!branches) {
      branches = this.#countBranches(counts, level);
      levels.set(level.descriptor, branches);
    }
    return branches.get(branch) ?? 0;
  }

  /** As if what has this load had left the node for good. */
  vacate(nodeId: string, load: TaskLoad): void {
    this.#byId.get(nodeId)?.used.remove(load);
  }

  place(demand: Demand, candidate: Candidate, generic: readonly GenericResource[]): void {
    const { nanoCpus, memoryBytes, ports, serviceId } = demand;
    candidate.used.add({ nanoCpus, memoryBytes, ports, generic, active: true });
    candidate.serviceTasks++;
    candidate.key = keyOf(demand, candidate);
    this.#count(serviceId, candidate.node.ID, 1);
  }

  /** The service of the demand counts `by` tasks more on the node; says how the node looks then. */
  recount(demand: Demand, nodeId: string, by: 1 | -1): Candidate | undefined {
    this.#count(demand.serviceId, nodeId, by);
    return this.candidate(demand, nodeId);
  }

  #countBranches(counts: ReadonlyMap<string, number>, { branchOf }: SpreadLevel): Map<string, number> {
    const branches = new Map<string, number>();
    for (const [id, count] of counts) {
      const entry = this.#byId.get(id);
      if (entry) changeCount(branches, branchOf(entry.node), count);
    }
    return branches;
  }

  #count(serviceId: string, nodeId: string, by: 1 | -1): void {
    if (this.#beside.size > 0) this.#beside.delete(serviceId);
    this.#moment++;
    let counts = this.#changed.get(serviceId);
    if (!counts) {
      counts = new Map(this.#counts.get(serviceId));
      this.#changed.set(serviceId, counts);
    }
    changeCount(counts, nodeId, by);
  }

  /** Nodes that have tasks of the service, on which it keeps failing, or which the pool thinks fuller than they are. */
  #special(demand: Demand, eligibleKey: string): NodeEntry[] {
    const special = new Set<NodeEntry>(this.#vacated);
    for (const id of this.#countsOf(demand.serviceId).keys()) {
      const node = this.#byId.get(id);
      if (node) special.add(node);
    }
    for (const node of this.#failing) {
      if (node.failures.count(demand.version, this.#failuresSince) >= failureLimit) special.add(node);
    }
    const eligible = this.#eligibleNodes(demand, eligibleKey);
    return [...special].filter((node) => eligible.has(node));
  }

  #pool(demand: Demand, room: readonly Filter[], eligibleKey: string): Pool {
    const { nanoCpus, memoryBytes, generic, ports, spread, image, near, apart, binpack } = demand;
    const asked: Record<AskedOfRoom, unknown> = {
      nanoCpus,
      memoryBytes,
      generic: [...generic],
      ports,
      spread: spread.map(({ descriptor }) => descriptor),
      image: this.#images.has(image) ? image : '',
      near: near.map(toKey),
      apart: apart.map(toKey),
      binpack,
    };
    // For these a node can get better by what is placed, which a pool does not notice.
    const moment = binpack || near.length > 0 || apart.length > 0 ? this.#moment : 0;
    const key = `${eligibleKey}${JSON.stringify(Object.values(asked))}${moment}`;
    let pool = this.#pools.get(key);
    if (!pool) {
      const nodes = [...this.#eligibleNodes(demand, eligibleKey)];
      // A service that neither runs nor failed anywhere sees the nodes as they are in themselves.
      const stranger = { ...demand, serviceId: '', version: '' };
      pool = new Pool(stranger, this.#look(stranger, nodes), room, this.branches(demand));
      this.#pools.set(key, pool);
      const [oldest] = this.#pools.keys();
      if (this.#pools.size > maxPools && oldest !== undefined) this.#pools.delete(oldest);
    }
    return pool;
  }

  #look(demand: Demand, nodes: readonly NodeEntry[]): Candidate[] {
    if (nodes.length === 0) return [];
    const counts = this.#countsOf(demand.serviceId);
    return nodes.map(({ node, now, used, failures, images, order }) => {
      const candidate = {
        node,
        now,
        used,
        order,
        census: this,
        serviceTasks: counts.size === 0 ? 0 : (counts.get(node.ID) ?? 0),
        failures: failures.count(demand.version, this.#failuresSince),
        imagePresent: images.has(demand.image),
        key: 0,
      };
      candidate.key = keyOf(demand, candidate);
      return candidate;
    });
  }

  /** Where it could be at all: what is bound to one node costs no look at the others. */
  #possible({ nodeId, volumes: [held] }: Demand): readonly NodeEntry[] {
    const only = nodeId ?? held?.nodeId;
    if (only === undefined) return this.#nodes;
    const node = this.#byId.get(only);
    return node ? [node] : [];
  }

  #countsOf(serviceId: string): ReadonlyMap<string, number> {
    return this.#changed.get(serviceId) ?? this.#counts.get(serviceId) ?? noCounts;
  }

  #eligibleNodes(demand: Demand, key: string): ReadonlySet<NodeEntry> {
    let eligible = this.#eligible.get(key);
    if (!eligible) {
      const asking = applying(nodeFilters, demand);
      eligible = new Set(this.#possible(demand).filter((node) => passesAll(asking, demand, node)));
      this.#eligible.set(key, eligible);
    }
    return eligible;
  }

  /** What the node filters read of a demand. Networks that every node may join make no difference. */
  #eligibleKey(demand: Demand): string {
    const { nodeId, volumes, global, constraints, platforms, hostAccess, newerFields, newerAgent, networks } =
      demand;
    const asked: Record<AskedOfNode, unknown> = {
      nodeId,
      volumes: volumes.map((held) => held.nodeId),
      global,
      constraints: constraints?.map(({ text }) => text),
      platforms,
      hostAccess,
      newerFields: newerFields.map(({ since }) => since),
      newerAgent: newerAgent.length > 0,
      networks: this.#closed.size === 0 ? [] : networks.filter((id) => this.#closed.has(id)),
    };
    return JSON.stringify(Object.values(asked));
  }
}

const toKey = ({ serviceId, level }: Neighbours) => [serviceId, level?.descriptor];

const noCounts: ReadonlyMap<string, number> = new Map();
const noOrders: ReadonlySet<number> = new Set();

function orderedNodes(state: ClusterState, now: number, seed: number): NodeEntry[] {
  const nodes: NodeEntry[] = [];
  for (const id of state.order(seed)) {
    const known = state.nodes.get(id);
    if (!known?.node) continue;
    const { node, used, failures } = known;
    const images = imageNames(node.reported.images);
    nodes.push({ node, now, used: new Occupancy(used), failures, images, order: nodes.length });
  }
  return nodes;
}
