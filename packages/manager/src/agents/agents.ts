import { setImmediate } from 'node:timers/promises';
import type { Kind } from '@shoal/proto';
import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { Loop } from '../loop.ts';
import { stateOf, type Trust } from '../model/index.ts';
import type { Change, Store } from '../store/index.ts';
import type { Vault } from '../trust/index.ts';
import { Commit, Feed, isEndpoint, type Nodes } from './feed/index.ts';
import type { Session } from './session.ts';
import { Withdrawals } from './withdrawals.ts';

/** When thousands of agents connect at once, none of them may wait too long for an answer to its beat. */
const mostAtOnceMs = 20;
/** Key of the rounds that look after withdrawals instead of a node. */
const overdue = '';
/** Key of the rounds that tell everybody what could wait. */
const everybody = '*';
/**
 * From one of these to the next, for each agent: when hosts join one after the other, those that are there hear of them
 * together. Else each would cost a message to all.
 */
const restMs = 1;

interface AgentsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly vault: Pick<Vault, 'unseal'>;
  /** The cluster's authority has changed. */
  readonly onTrust: () => void;
  /** Nothing is sent that agents have to do. */
  readonly hold?: boolean;
}

/** The connected agents, and what each of them still has to be told. */
export class Agents {
  readonly #store: Store;
  readonly #sessions = new Map<string, Session>();
  readonly #withdrawals = new Withdrawals();
  /** Nodes whose hosts nobody reaches: they get no traffic. */
  readonly #silent = new Set<string>();
  readonly #feed: Feed;
  readonly #flush: Loop;
  readonly #unwatch: () => void;
  readonly #onTrust: () => void;
  /** When the next round for everybody may be. */
  #everybodyAt = 0;

  constructor(store: Store, { clock, log, vault, onTrust, hold = false }: AgentsOptions) {
    this.#store = store;
    this.#onTrust = onTrust;
    const act = hold ? async () => undefined : this.#round.bind(this);
    this.#flush = new Loop({ clock, log, act });
    this.#feed = new Feed({
      view: store.view,
      held: (taskId) => this.#withdrawals.holds(taskId),
      silent: this.#silent,
      unseal: (purpose, sealed) => {
        try {
          return vault.unseal(purpose, sealed);
        } catch (error) {
          // What is broken of one service must not keep all hosts from their work: its tasks pull without it, or wait for it.
          log.error(
            { err: error, purpose },
            "can't be opened: give it anew, by an update of what it belongs to",
          );
          return '';
        }
      },
    });
    this.#unwatch = store.watch(({ changes }) => this.#notice(changes, clock()));
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
    session.onRoom = () => this.flushSoon(session);
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
    const commit = new Commit(this.#store.view, []);
    for (const task of this.#store.view.tasks.by('node', nodeId))
      if (isEndpoint(task)) this.#touch('endpoint', task.ID, commit.nodesUsing(task.ServiceID));
  }

  /** All sessions end at once; resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#unwatch();
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
    await this.#flush.close();
  }

  async #round(nodeIds: ReadonlySet<string>, now: number): Promise<Map<string, number> | undefined> {
    let since = performance.now();
    if (nodeIds.has(everybody)) this.#everybodyAt = now + restMs * this.#sessions.size;
    for (const id of nodeIds.has(everybody) ? [...this.#sessions.keys()] : nodeIds) {
      const number = this.#sessions.get(id)?.flush(this.#feed, this.#withdrawals.awaits(id));
      if (number !== undefined) this.#withdrawals.sent(id, number);
      if (performance.now() - since < mostAtOnceMs) continue;
      await setImmediate();
      since = performance.now();
    }
    this.#release(this.#withdrawals.expired(now));
    const { deadline } = this.#withdrawals;
    return deadline === undefined ? undefined : new Map([[overdue, deadline]]);
  }

  #release(tasks: ReadonlyMap<string, string>): void {
    for (const [taskId, owner] of tasks) this.#touch('task', taskId, [owner]);
  }

  #touch(kind: Kind, id: string, nodes: Nodes, canWait = false): void {
    this.#feed.forget(kind, id);
    for (const nodeId of this.#connected(nodes)) {
      this.#sessions.get(nodeId)?.touch(kind, id);
      if (!canWait) this.#flush.mark(nodeId);
    }
    if (canWait) this.#flush.mark(everybody, this.#everybodyAt);
  }

  #connected(nodes: Nodes): Iterable<string> {
    return nodes === 'all' ? this.#sessions.keys() : [...nodes].filter((id) => this.#sessions.has(id));
  }

  #notice(changes: readonly Change[], now: number): void {
    const commit = new Commit(this.#store.view, changes);
    // A removed node may come back only by joining anew.
    for (const { id, after } of commit.of('nodes')) {
      const session = after ? undefined : this.#sessions.get(id);
      if (session) this.remove(session);
    }
    for (const { before, after } of commit.of('clusters'))
      if (before && after && before.trust !== after.trust) this.#trust(after.trust);
    this.#withdraw(commit, now);
    for (const { kind, id, nodes, canWait } of this.#feed.touched(commit))
      this.#touch(kind, id, nodes, canWait);
  }

  /** Agents hear whom to trust; those whose certificate counts no more have to come with a better one. */
  #trust(trust: Trust): void {
    this.#onTrust();
    for (const session of this.#sessions.values()) {
      const node = this.#store.view.nodes.get(session.nodeId);
      if (!node) continue;
      session.sendTrust(trust, node, this.#store.view.nodes.size);
      if (!trust.former && node.allotted.signedBy !== trust.root.digest) session.close();
    }
  }

  /** Tasks that still run, and shall stop: but first they get no more traffic. */
  #withdraw(commit: Commit, now: number): void {
    for (const { id, before, after } of commit.of('tasks')) {
      if (!after) this.#withdrawals.forget(id);
      const leaves = before && after && isEndpoint(before) && !isEndpoint(after);
      if (!leaves || stateOf(after) !== 'running' || !after.NodeID) continue;
      const nodes = [...this.#connected(commit.nodesUsing(after.ServiceID))];
      const reached = nodes.filter((nodeId) => !this.#silent.has(nodeId));
      this.#withdrawals.begin(id, after.NodeID, reached, now);
    }
  }
}
