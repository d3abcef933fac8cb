/** A cluster without hosts, for this folder's tests: a scheduler and agents that are as simple as can be. */
import { pino } from 'pino';
import { type Ids, isoTime } from '../effects.ts';
import {
  compareStates,
  isReady,
  isTerminal,
  isWanted,
  type Judged,
  type Leases,
  type Node,
  noteFlapping,
  pendingReasonsOf,
  type Service,
  type ServiceSpec,
  stateOf,
  type Task,
  type TaskState,
  type Wait,
} from '../model/index.ts';
import { rebalance } from '../moves/rebalance.ts';
import { RecentLoss } from '../moves/recent-loss.ts';
import { ClusterState, placePending } from '../scheduler/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { beginTransaction, type Tx } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService, withStatus } from '../testing.ts';
import { couldRun } from './capacity.ts';
import { decideService } from './decide.ts';
import type { Decision, Snapshot } from './draft.ts';
import { reconcile } from './loop.ts';
import { targetLike } from './new-task.ts';
import { isRunning } from './presence.ts';

export const epochMs = Date.UTC(2026, 0, 1);
const log = pino({ level: 'silent' });
/** What an agent does with a task, one step a tick. */
const nextStep: Partial<Record<TaskState, TaskState>> = {
  assigned: 'accepted',
  accepted: 'preparing',
  preparing: 'ready',
  ready: 'starting',
  starting: 'running',
};

export class Simulation {
  now = epochMs;
  /** Tasks that a node can hold. */
  room = Number.POSITIVE_INFINITY;
  /** Nothing starts there. */
  readonly brokenNodes = new Set<string>();
  /** No task comes further than `preparing` there. */
  readonly stallingNodes = new Set<string>();
  /** Every task is rejected there. */
  readonly refusingNodes = new Set<string>();
  /** Whether tasks are moved. */
  rebalances = false;
  /** Whether the real scheduler chooses the nodes. */
  schedules = false;
  readonly store: TestStore;
  readonly #recentLoss: RecentLoss;
  /** Tasks whose containers went with the power of their hosts; their agents will say so. */
  readonly #dead = new Set<string>();
  /** Isolated tasks that their hosts stopped for want of contact. */
  readonly #cutOff = new Set<string>();
  #ids = 0;
  #turn = 0;

  static async open(nodes: number, service: Partial<Service> = {}): Promise<Simulation> {
    let simulation: Simulation | undefined;
    const store = await TestStore.open(memoryBackend(), () => simulation?.now ?? epochMs);
    simulation = new Simulation(store);
    await store.update((tx) => {
      for (let n = 1; n <= nodes; n++) tx.nodes.create(aNode(`n${n}`));
      tx.services.create(aService('web', service));
    });
    return simulation;
  }

  private constructor(store: TestStore) {
    this.store = store;
    this.#recentLoss = new RecentLoss(this.now);
    store.watch(({ changes }) => {
      for (const change of changes)
        if (change.table === 'nodes') this.#recentLoss.note(change.before, change.after, this.now);
    });
  }

  get service(): Service {
    const service = this.store.view.services.get('web');
    if (!service) throw new Error('the service is gone');
    return service;
  }

  get tasks(): Task[] {
    return this.store.view.tasks.by('service', 'web');
  }

  get snapshot(): Snapshot {
    return {
      service: this.service,
      tasks: this.tasks,
      nodes: this.store.view.nodes,
      load: (nodeId) => this.store.view.tasks.by('node', nodeId).length,
      historyLimit: [...this.store.view.clusters.all()][0]?.TaskHistoryRetentionLimit ?? 5,
      now: this.now,
      ids: () => 'next',
    };
  }

  running(image?: string): Task[] {
    return this.tasks.filter(
      (task) =>
        isRunning(task) &&
        task.DesiredState === 'running' &&
        (image === undefined || task.Spec.ContainerSpec?.Image === image),
    );
  }

  /** Slots in which a container really runs that was not told to stop, on a host that others can reach. */
  served(): Set<number | undefined> {
    const { nodes } = this.store.view;
    const serving = this.tasks.filter(
      (task) =>
        isRunning(task) &&
        (isWanted(task) || task.shoal.orphaned === true) &&
        !this.#dead.has(task.ID) &&
        isReady(nodes.get(task.NodeID ?? '')),
    );
    return new Set(serving.map(({ Slot }) => Slot));
  }

  decide(): Decision {
    return decideService(this.snapshot);
  }

  /** One orchestrator's round. */
  async orchestrate(): Promise<void> {
    const ids = () => `t${String(++this.#ids).padStart(5, '0')}`;
    await this.store.update((tx) => reconcile(tx, ['web'], this.now, { ids, log }), 'services');
  }

  /** What agents do before anybody else has noticed that they are back. */
  async runAgents(): Promise<void> {
    await this.store.update((tx) => this.#runAgents(tx), 'agents');
  }

  /** Orchestrator, rebalancer, scheduler and agents, a step each, and some time. */
  async tick(ms = 100): Promise<void> {
    await this.orchestrate();
    this.now += 1;
    if (this.rebalances) await this.#rebalance();
    await this.store.update((tx) => this.#schedule(tx), 'scheduler');
    await this.runAgents();
    this.now += ms - 1;
  }

  async run(ms: number, tickMs = 100): Promise<void> {
    for (const end = this.now + ms; this.now < end; ) await this.tick(tickMs);
  }

  /** Like the API: a change of the task template is a new version, everything else is not. */
  async change(spec: Partial<ServiceSpec>): Promise<void> {
    await this.store.update((tx) => {
      const { UpdateStatus: _, ...service } = this.service;
      const { previousSpecVersion: _old, rollback: _reason, ...internals } = service.shoal;
      tx.services.update({
        ...service,
        Spec: { ...service.Spec, ...spec },
        PreviousSpec: service.Spec,
        shoal: {
          ...internals,
          previousSpecVersion: internals.specVersion,
          specVersion: spec.TaskTemplate ? service.Version.Index + 1 : internals.specVersion,
        },
      });
    });
  }

  /** Images named `broken…` fail when started, `stays:STATE` never leave that state, `absent…` can't be pulled, `once…` exit with 0. */
  async deploy(image: string): Promise<void> {
    const template = this.service.Spec.TaskTemplate;
    await this.change({ TaskTemplate: { ...template, ContainerSpec: { Image: image } } });
  }

  async scale(Replicas: number): Promise<void> {
    await this.change({ Mode: { Replicated: { Replicas } } });
  }

  async setNode(id: string, change: (node: Node) => Node | undefined): Promise<void> {
    await this.store.update((tx) => {
      const node = tx.nodes.get(id);
      const changed = node && change(node);
      if (changed) tx.nodes.update(noteFlapping(changed, this.now));
      else tx.nodes.remove(id);
    });
  }

  async nodeState(id: string, state: Judged['state']): Promise<void> {
    await this.setNode(id, (node) => ({ ...node, judged: { state } }));
  }

  /** The host loses its power: it goes down, and its containers with it. */
  async powerOff(id: string): Promise<void> {
    for (const { ID } of this.store.view.tasks.by('node', id)) this.#dead.add(ID);
    await this.nodeState(id, 'down');
  }

  /** The host is cut off and goes down; its containers run on. */
  async cut(id: string): Promise<void> {
    await this.setNode(id, (node) => down(node, 'running'));
  }

  /** The leases of a host that is cut off have ended: it has stopped its isolated tasks, and the manager knows. */
  async endLeases(id: string): Promise<void> {
    for (const { ID, shoal } of this.store.view.tasks.by('node', id))
      if (shoal.isolated) this.#cutOff.add(ID);
    await this.setNode(id, (node) => down(node, 'over'));
  }

  async comeBack(id: string): Promise<void> {
    await this.setNode(id, (node) => ({ ...node, judged: { state: 'heard' } }));
  }

  async availability(id: string, Availability: 'active' | 'pause' | 'drain'): Promise<void> {
    await this.setNode(id, (node) => ({ ...node, Spec: { ...node.Spec, Availability } }));
  }

  async observe(id: string, state: TaskState, err?: string): Promise<void> {
    await this.store.update((tx) => {
      const task = tx.tasks.get(id);
      if (task) this.#observed(tx, task, state, err);
    });
  }

  #observed(tx: Tx, task: Task, State: TaskState, Err?: string): void {
    if (compareStates(State, stateOf(task)) <= 0) return;
    const cutOff = this.#cutOff.has(task.ID) && { cutOff: true as const };
    const Status = { Timestamp: isoTime(this.now), State, ...(Err && { Err }), ...cutOff };
    tx.tasks.update(withStatus(task, Status));
  }

  /** What the rebalancer would begin, or wait for, if nothing changed until `now`. */
  moves(now: number): { readonly begun: number; readonly waits: readonly Wait[] } {
    const tx = beginTransaction(this.store.view, 0, now);
    const waits = this.#rebalanceIn(tx, now, () => 'next');
    return { begun: tx.tasks.size - this.store.view.tasks.size, waits };
  }

  async #rebalance(): Promise<void> {
    const ids = () => `t${String(++this.#ids).padStart(5, '0')}`;
    await this.store.update((tx) => this.#rebalanceIn(tx, this.now, ids), 'moves');
  }

  #rebalanceIn(tx: Tx, now: number, ids: Ids): Wait[] {
    const moves = this.tasks.filter(
      (task) => task.shoal.moves !== undefined && compareStates(stateOf(task), 'running') < 0,
    );
    const underWay = new Set(moves.map(({ ID }) => ID));
    const state = ClusterState.from(this.store.view);
    return rebalance(tx, ['web'], { state, recentLoss: this.#recentLoss, underWay, now, ids });
  }

  #schedule(tx: Tx): void {
    if (this.schedules) {
      placePending(tx, ClusterState.from(tx), this.now);
      return;
    }
    const nodes = [...tx.nodes.all()].sort((a, b) => (a.ID < b.ID ? -1 : 1));
    for (const task of tx.tasks.by('service', 'web').sort((a, b) => (a.ID < b.ID ? -1 : 1))) {
      if (stateOf(task) !== 'pending') continue;
      const fitting = nodes.filter((node) => this.#fits(tx, node, task));
      const node = fitting[this.#turn++ % Math.max(1, fitting.length)];
      if (node) {
        const Status = { Timestamp: isoTime(this.now), State: 'assigned' as const };
        tx.tasks.update(withStatus({ ...task, NodeID: node.ID }, Status));
      } else if (!pendingReasonsOf(task)) {
        const filter = nodes.every(isReady) ? 'resources' : 'readiness';
        const reasons = [{ filter, nodes: nodes.length, text: 'no room' }];
        const unplaced = { at: isoTime(this.now), specVersion: task.shoal.specVersion, reasons };
        tx.tasks.update({ ...task, unplaced });
      }
    }
  }

  #fits(tx: Tx, node: Node, task: Task): boolean {
    if (task.NodeID && task.NodeID !== node.ID) return false;
    const held = tx.tasks
      .by('node', node.ID)
      .filter((other) => !isTerminal(stateOf(other)) && other.ID !== task.ID);
    return couldRun(targetLike(task))(node) && held.length < this.room;
  }

  #runAgents(tx: Tx): void {
    for (const task of tx.tasks.by('service', 'web')) {
      const node = task.NodeID ? tx.nodes.get(task.NodeID) : undefined;
      if (!isReady(node) || isTerminal(stateOf(task))) continue;
      const state = this.#stepOf(task);
      if (state) this.#observed(tx, task, state);
    }
  }

  #stepOf(task: Task): TaskState | undefined {
    const { ID, NodeID = '', DesiredState, Spec, shoal } = task;
    const state = stateOf(task);
    const image = Spec.ContainerSpec?.Image ?? '';
    if (this.#dead.has(ID)) return 'failed';
    if (this.#cutOff.has(ID)) return 'shutdown';
    if (shoal.orphaned && DesiredState === 'shutdown') return undefined;
    if (DesiredState === 'shutdown' || DesiredState === 'remove') return 'shutdown';
    const stalls = state === 'preparing' && this.stallingNodes.has(NodeID);
    if (stalls || image === `stays:${state}`) return undefined;
    const isRefused = this.refusingNodes.has(NodeID) || image.startsWith('absent');
    if (state === 'preparing' && isRefused) return 'rejected';
    if (state === 'ready' && DesiredState === 'ready') return undefined;
    if (state === 'running' && image.startsWith('once')) return 'complete';
    if (state === 'starting' && this.brokenNodes.has(NodeID)) return 'failed';
    if (state === 'starting' && image.startsWith('broken')) return 'failed';
    return nextStep[state];
  }
}

const down = (node: Node, leases: Leases): Node => ({ ...node, judged: { state: 'down', leases } });
