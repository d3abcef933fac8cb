import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { Loop } from '../loop.ts';
import type { Network, Node, Service, Task } from '../model/index.ts';
import type { Change, Store } from '../store/index.ts';
import type { Kind } from './deltas.ts';
import { isEndpoint, needsNetwork, nodesNeeding } from './network-view.ts';
import type { Session } from './session.ts';
import { Withdrawals } from './withdrawals.ts';

/** Key of the rounds that look after withdrawals instead of a node. */
const overdue = '';

/** The connected agents, and what each of them still has to be told. */
export class Agents {
  readonly #store: Store;
  readonly #sessions = new Map<string, Session>();
  readonly #withdrawals = new Withdrawals();
  /** Nodes whose hosts nobody reaches: they get no traffic. */
  readonly #silent = new Set<string>();
  readonly #flush: Loop;
  readonly #unwatch: () => void;

  constructor(store: Store, { clock, log }: { clock: Clock; log: Logger }) {
    this.#store = store;
    this.#flush = new Loop({ clock, log, act: (nodeIds, now) => this.#round(nodeIds, now) });
    this.#unwatch = store.watch(({ changes }) => {
      for (const change of changes) this.#notice(change, clock());
    });
  }

  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  of(nodeId: string): Session | undefined {
    return this.#sessions.get(nodeId);
  }

  /** A second stream of the same node replaces the first: the agent restarted, or gave the first one up. */
  add(session: Session): void {
    this.#sessions.get(session.nodeId)?.close();
    this.#sessions.set(session.nodeId, session);
    this.#withdrawals.restarted(session.nodeId);
    this.flushSoon(session);
  }

  /** False when another session has taken its place already. */
  remove(session: Session): boolean {
    if (this.#sessions.get(session.nodeId) !== session) return false;
    this.#sessions.delete(session.nodeId);
    session.close();
    this.#release(this.#withdrawals.left(session.nodeId));
    return true;
  }

  flushSoon({ nodeId }: Session): void {
    this.#flush.mark(nodeId);
  }

  /** The agent has everything up to `number` in its host's kernel. */
  applied(session: Session, number: number): void {
    // Numbers of a stream that was replaced mean nothing any more.
    if (this.#sessions.get(session.nodeId) !== session) return;
    this.#release(this.#withdrawals.applied(session.nodeId, number));
  }

  setSilent(nodeId: string, silent: boolean): void {
    if (silent) this.#silent.add(nodeId);
    else this.#silent.delete(nodeId);
    // What it sends arrives nowhere, so no stop has to wait for it.
    if (silent) this.#release(this.#withdrawals.left(nodeId));
    const { view } = this.#store;
    const services = new Set(
      view.tasks
        .by('node', nodeId)
        .filter(isEndpoint)
        .map((task) => task.ServiceID),
    );
    for (const id of services) {
      const service = view.services.get(id);
      if (service) this.#markService(service);
    }
  }

  async close(): Promise<void> {
    this.#unwatch();
    await this.#flush.close();
    for (const session of this.#sessions.values()) session.close();
  }

  async #round(nodeIds: ReadonlySet<string>, now: number): Promise<Map<string, number> | undefined> {
    for (const id of nodeIds) {
      const number = this.#sessions.get(id)?.flush({
        view: this.#store.view,
        held: (taskId) => this.#withdrawals.holds(taskId),
        silent: this.#silent,
      });
      if (number !== undefined) this.#withdrawals.sent(id, number);
    }
    this.#release(this.#withdrawals.expired(now));
    const { deadline } = this.#withdrawals;
    return deadline === undefined ? undefined : new Map([[overdue, deadline]]);
  }

  #release(tasks: ReadonlyMap<string, string>): void {
    for (const [taskId, owner] of tasks) this.#mark(owner, 'tasks', taskId);
  }

  #mark(nodeId: string | undefined, kind: Kind, id: string): void {
    const session = nodeId ? this.#sessions.get(nodeId) : undefined;
    if (!session) return;
    session.mark(kind, id);
    this.#flush.mark(session.nodeId);
  }

  #notice(change: Change, now: number): void {
    if (change.table === 'tasks') this.#task(change.before, change.after, now);
    else if (change.table === 'services') this.#service(change.before, change.after);
    else if (change.table === 'networks') this.#network(change.before, change.after);
    else if (change.table === 'nodes') this.#node(change.before, change.after);
  }

  #task(before: Task | undefined, after: Task | undefined, now: number): void {
    const task = after ?? before;
    if (!task) return;
    if (!before || !after || concernsAgent(before, after)) {
      for (const nodeId of new Set([before?.NodeID, after?.NodeID])) {
        this.#mark(nodeId, 'tasks', task.ID);
        for (const networkId of task.shoal.networks ?? []) this.#mark(nodeId, 'networks', networkId);
      }
    }
    if (!after) this.#withdrawals.forget(task.ID);
    const [was, is] = [before && isEndpoint(before), after && isEndpoint(after)];
    const service = this.#store.view.services.get(task.ServiceID);
    if (was === is || !service) return;
    this.#markService(service);
    // It still runs, and shall stop: but first it gets no more traffic.
    if (was && after?.Status.State === 'running' && after.NodeID) {
      const nodes = [...nodesNeeding(this.#store.view, service, this.#sessions.keys())];
      const connected = nodes.filter((id) => this.#sessions.has(id) && !this.#silent.has(id));
      this.#withdrawals.begin(task.ID, after.NodeID, connected, now);
    }
  }

  #service(before: Service | undefined, after: Service | undefined): void {
    if (before && after && JSON.stringify(routingFacts(before)) === JSON.stringify(routingFacts(after)))
      return;
    for (const service of [before, after]) if (service) this.#markService(service);
  }

  #markService(service: Service): void {
    for (const nodeId of nodesNeeding(this.#store.view, service, this.#sessions.keys())) {
      this.#mark(nodeId, 'services', service.ID);
    }
  }

  #network(before: Network | undefined, after: Network | undefined): void {
    const { view } = this.#store;
    for (const nodeId of this.#sessions.keys()) {
      const needed = before !== undefined && needsNetwork(view, before, nodeId);
      const needs = after !== undefined && needsNetwork(view, after, nodeId);
      const id = (after ?? before)?.ID ?? '';
      if (needed || needs) this.#mark(nodeId, 'networks', id);
      if (needed === needs) continue;
      // With the network come, or go, the services that can be reached on it.
      for (const { ID, shoal } of view.services.all()) {
        if (shoal.attachments?.some(({ networkId }) => networkId === id)) this.#mark(nodeId, 'services', ID);
      }
    }
  }

  #node(before: Node | undefined, after: Node | undefined): void {
    const id = (after ?? before)?.ID ?? '';
    if (!after) {
      // A removed node may come back only by joining anew.
      const session = this.#sessions.get(id);
      if (session) this.remove(session);
    }
    if (before && after && JSON.stringify(peerFacts(before)) === JSON.stringify(peerFacts(after))) return;
    for (const nodeId of this.#sessions.keys()) this.#mark(nodeId, 'peers', id);
  }
}

/** What the agent itself reported is no news to it. */
const concernsAgent = (before: Task, after: Task): boolean =>
  before.DesiredState !== after.DesiredState ||
  before.shoal.lost !== after.shoal.lost ||
  before.NodeID !== after.NodeID ||
  before.Spec !== after.Spec ||
  before.shoal.attachments !== after.shoal.attachments ||
  before.Status.State === 'pending' ||
  before.Status.State === 'new';

/** All of a service that load balancers and names are made of, besides its tasks. */
const routingFacts = ({ Spec, shoal }: Service) => [
  Spec.Name,
  Spec.Labels,
  Spec.EndpointSpec?.Mode,
  Spec.TaskTemplate?.Networks,
  shoal.attachments,
  shoal.ports,
];

const peerFacts = ({ reported, allotted }: Node) => [reported.address, allotted.number, reported.key];
