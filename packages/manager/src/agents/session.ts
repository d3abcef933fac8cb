import { setMaxListeners } from 'node:events';
import {
  type Beat,
  type Kind,
  type ManagerMessage,
  mostTunnels,
  type NodeFacts,
  type Query,
  type QueryResult,
} from '@shoal/proto';
import { renewalSpreadMs } from '@shoal/proto/rules';
import type { Node, Trust } from '../model/index.ts';
import { QueryError } from '../query-error.ts';
import { notRotated, trustedRoots } from '../trust/index.ts';
import type { Feed } from './feed/index.ts';

/** An agent that is behind by more objects of a kind is sent everything anew. */
export const mostTouched = 50_000;
/** Queries under way per agent; more are refused rather than piled up. */
const mostQueries = 64;

/** The sending half of the stream to one agent. */
export interface Outlet {
  /** False when the other side is slow: stop sending until it has caught up. `written`: called when the message is on its way. */
  write(message: ManagerMessage, written?: () => void): boolean;
  end(): void;
}

interface Waiting {
  readonly resolve: (json: string) => void;
  readonly reject: (error: QueryError) => void;
  readonly timer: NodeJS.Timeout;
}

/** What the manager knows of one connected agent: what it was sent, and what it still has to learn. */
export class Session {
  readonly nodeId: string;
  /** What the agent told of its host and the store could not take yet; of a greeting also who signed its certificate. */
  unwritten: { readonly facts: NodeFacts; readonly signedBy: string | undefined } | undefined;
  /** Called when there is room for the rest of what is large: `flush` sends it. */
  onRoom: () => void = () => {};
  /** Until then it has to be silent of its containers (ms since the epoch). */
  noEventsBefore = 0;
  readonly #outlet: Outlet;
  /** What the agent has to hear of. Empty as long as it has to hear everything. */
  readonly #touched = new Map<Kind, Set<string>>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #end = new AbortController();
  #sequence = 0;
  #complete = false;
  #slow = false;
  /** A message is on its way behind which more follows of what is large. */
  #largeUnderWay = false;
  #queries = 0;

  constructor(nodeId: string, outlet: Outlet) {
    this.nodeId = nodeId;
    this.#outlet = outlet;
    // Each tunnel listens, which is no leak.
    setMaxListeners(mostTunnels + 1, this.#end.signal);
  }

  /** Fires when the session is over. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** Nothing any more once it is over. */
  send(body: NonNullable<ManagerMessage['body']>, written?: () => void): void {
    if (this.#end.signal.aborted) return;
    this.#slow = !this.#outlet.write({ body }, written);
  }

  /** Whom the agent is to trust, and whether it needs another certificate, as may all of so many nodes. */
  sendTrust(trust: Trust, node: Node, nodes: number): void {
    const renew = notRotated(trust, [node]).length > 0;
    const roots = trustedRoots(trust).join('');
    this.send({ $case: 'trust', value: { roots, renew, renewWithinMs: renewalSpreadMs(nodes) } });
  }

  /** Answers a beat, unless the agent is too slow to read it: then it is busy enough. */
  beat(value: Beat): void {
    if (!this.#slow) this.send({ $case: 'beat', value });
  }

  /** Something about this object changed; `flush` will look. */
  touch(kind: Kind, id: string): void {
    if (!this.#complete) return;
    const ids = this.#touched.get(kind);
    if (!ids) this.#touched.set(kind, new Set([id]));
    else if (ids.add(id).size > mostTouched) this.resync();
  }

  /** The agent lost track: the next flush sends everything. */
  resync(): void {
    this.#complete = false;
    this.#touched.clear();
  }

  /** The agent has read what was sent. */
  drained(): void {
    this.#slow = false;
  }

  /**
   * Sends what changed since the last flush; everything, the first time. What is large of it goes in several messages, the next when the
   * one before is on its way, as a stream takes 16 of them before it says that the agent is slow. `awaited`: somebody waits until it is
   * in the host's kernel, which the agent then has to say: of the set of this number, which is returned. Undefined while the agent is
   * too slow to take what there is.
   */
  flush(feed: Feed, awaited: boolean): number | undefined {
    if (this.#slow) return undefined;
    const complete = !this.#complete;
    const all = complete ? feed.everything(this.nodeId) : [];
    if (complete) for (const [kind, ids] of feed.everythingLarge(this.nodeId)) this.#touched.set(kind, ids);
    this.#complete = true;
    const changes = all.concat(feed.take(this.nodeId, this.#touched, !this.#largeUnderWay));
    if (complete || changes.length > 0) this.#changes(complete, changes, awaited);
    return this.#sequence;
  }

  #changes(complete: boolean, changes: Buffer[], awaited: boolean): void {
    const appliesTo = complete ? 0 : this.#sequence;
    this.#sequence++;
    const hasMore = !this.#largeUnderWay && this.#touched.size > 0;
    this.#largeUnderWay ||= hasMore;
    const written = () => {
      this.#largeUnderWay = false;
      this.onRoom();
    };
    this.send(
      {
        $case: 'changes',
        value: { complete, appliesTo, resultsIn: this.#sequence, changes, unawaited: !awaited },
      },
      hasMore ? written : undefined,
    );
  }

  /** Asks this host. Rejects with a QueryError. */
  ask(what: NonNullable<Query['what']>, withinMs: number): Promise<string> {
    if (this.#waiting.size >= mostQueries) {
      return Promise.reject(
        new QueryError(503, 'too many queries to this node are under way, try again later'),
      );
    }
    const id = String(++this.#queries);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new QueryError(504, `the node did not answer within ${withinMs / 1000} s`));
      }, withinMs);
      this.#waiting.set(id, { resolve, reject, timer });
      this.send({ $case: 'query', value: { id, what } });
    });
  }

  answered({ id, outcome }: QueryResult): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (outcome?.$case === 'json') waiting.resolve(outcome.value);
    else waiting.reject(new QueryError(outcome?.value.status ?? 500, outcome?.value.message ?? 'no answer'));
  }

  close(): void {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new QueryError(503, 'the node went away before it answered'));
    }
    this.#waiting.clear();
    this.#end.abort();
    this.#outlet.end();
  }
}
