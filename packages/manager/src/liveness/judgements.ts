import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../effects.ts';
import { type Judged, type Leases, type Node, noteFlapping } from '../model/index.ts';
import type { Store } from '../store/index.ts';
import { Writing } from './writing.ts';

type Judgement = Pick<Judged, 'state' | 'why'>;

/**
 * Writes the judgements on nodes, and how often each went down, to the store: all that changed in one transaction, tried
 * again until it succeeds.
 */
export class Judgements {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Nodes that are not in here keep what the manager's previous run judged. */
  readonly #judged = new Map<string, Judgement>();
  /** Of nodes that are down: whether their isolated tasks have ended. */
  readonly #leases = new Map<string, Leases>();
  /** Nodes of which something changed, here or in the store, since they were last compared. */
  readonly #changed: Set<string>;
  readonly #writing: Writing;

  constructor(store: Store, clock: Clock, log: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#writing = new Writing(log, 'the judgements on nodes');
    this.#changed = new Set([...store.view.nodes.all()].map(({ ID }) => ID));
  }

  set(nodeId: string, judgement: Judgement): void {
    this.#judged.set(nodeId, judgement);
    this.#changed.add(nodeId);
  }

  setLeases(nodeId: string, leases: Leases | undefined): void {
    if (this.#leases.get(nodeId) === leases) return;
    if (leases) this.#leases.set(nodeId, leases);
    else this.#leases.delete(nodeId);
    this.#changed.add(nodeId);
  }

  isAway(nodeId: string): boolean {
    const judged = this.#judged.get(nodeId);
    return judged !== undefined && judged.state !== 'heard';
  }

  /** The node's record changed in the store; its judgement is compared with it again. */
  recordChanged(nodeId: string): void {
    this.#changed.add(nodeId);
  }

  forget(nodeId: string): void {
    this.#judged.delete(nodeId);
    this.#leases.delete(nodeId);
    this.#changed.delete(nodeId);
  }

  /** Starts a write when something differs and one is due. To be called at every look, with its time. */
  write(now: number): void {
    if (!this.#writing.isDue(now) || this.#pending(this.#store.view.nodes).length === 0) return;
    this.#writing.begin(now, () =>
      this.#store.update((tx) => {
        for (const node of this.#pending(tx.nodes)) tx.nodes.update(node);
      }, 'liveness'),
    );
  }

  /** Nodes whose record differs from their judgement, as they should be. */
  #pending(nodes: { get(id: string): Node | undefined }): Node[] {
    const pending: Node[] = [];
    for (const id of this.#changed) {
      const node = nodes.get(id);
      const after = node && this.#judge(node);
      if (after && after !== node) pending.push(after);
      else this.#changed.delete(id);
    }
    return pending;
  }

  /** State and leases change together: nobody sees a node that is down without them. */
  #judge(node: Node): Node {
    const said = this.#judged.get(node.ID) ?? node.judged;
    const leases = said.state === 'down' ? this.#leases.get(node.ID) : undefined;
    const judged: Judged = {
      state: said.state,
      ...(said.why !== undefined && { why: said.why }),
      ...(leases && { leases }),
    };
    const after = isDeepStrictEqual(judged, node.judged) ? node : { ...node, judged };
    return noteFlapping(after, this.#clock());
  }
}
