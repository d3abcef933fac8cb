import type { Assignments, ManagerMessage, Query, QueryResult } from '@shoal/proto';
import { compareStates } from '../model/index.ts';
import { QueryError } from '../query-error.ts';
import type { ReadView } from '../store/index.ts';
import { toAssignment } from './to-proto.ts';

/** How long a host's daemon may take to answer a query. */
const queryTimeoutMs = 30_000;
/** Queries under way per agent; more are refused rather than piled up. */
const mostQueries = 64;

/** The sending half of the stream to one agent. */
export interface Outlet {
  /** False when the other side is slow: stop sending until it has caught up. */
  write(message: ManagerMessage): boolean;
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
  readonly #outlet: Outlet;
  readonly #dirty = new Set<string>();
  readonly #waiting = new Map<string, Waiting>();
  #sequence = 0;
  #complete = false;
  #slow = false;
  #queries = 0;

  constructor(nodeId: string, outlet: Outlet) {
    this.nodeId = nodeId;
    this.#outlet = outlet;
  }

  send(body: NonNullable<ManagerMessage['body']>): void {
    this.#slow = !this.#outlet.write({ body });
  }

  /** Answers a beat, unless the agent is too slow to read it: then it is busy enough. */
  beat(number: number): void {
    if (!this.#slow) this.send({ $case: 'beat', value: { number } });
  }

  /** Something about this task changed; `flush` will look. */
  mark(taskId: string): void {
    this.#dirty.add(taskId);
  }

  /** The agent lost track: the next flush sends everything. */
  resync(): void {
    this.#complete = false;
  }

  /** The agent has read what was sent. */
  drained(): void {
    this.#slow = false;
  }

  /** Sends what changed since the last flush; everything, the first time. Cost follows the change. */
  flush(view: ReadView): void {
    if (this.#slow || (this.#complete && this.#dirty.size === 0)) return;
    const message = this.#complete ? this.#delta(view) : this.#everything(view);
    this.#dirty.clear();
    this.#complete = true;
    this.#sequence = message.resultsIn;
    this.send({ $case: 'assignments', value: message });
  }

  /** Asks this host's daemon. Rejects with a QueryError. */
  ask(what: NonNullable<Query['what']>): Promise<string> {
    if (this.#waiting.size >= mostQueries) {
      return Promise.reject(
        new QueryError(503, 'too many queries to this node are under way, try again later'),
      );
    }
    const id = String(++this.#queries);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new QueryError(504, `the node did not answer within ${queryTimeoutMs / 1000} s`));
      }, queryTimeoutMs);
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
    this.#outlet.end();
  }

  #everything(view: ReadView): Assignments {
    const tasks = view.tasks.by('node', this.nodeId).filter((task) => isAssigned(task.Status.State));
    const put = tasks.map((task) => toAssignment(task, view.services.get(task.ServiceID)));
    return { complete: true, appliesTo: 0, resultsIn: this.#sequence + 1, put, remove: [], ...noNetworks };
  }

  #delta(view: ReadView): Assignments {
    const put: Assignments['put'] = [];
    const remove: string[] = [];
    for (const id of this.#dirty) {
      const task = view.tasks.get(id);
      if (!task || task.NodeID !== this.nodeId) remove.push(id);
      else if (isAssigned(task.Status.State)) put.push(toAssignment(task, view.services.get(task.ServiceID)));
    }
    return {
      complete: false,
      appliesTo: this.#sequence,
      resultsIn: this.#sequence + 1,
      put,
      remove,
      ...noNetworks,
    };
  }
}

const isAssigned = (state: Parameters<typeof compareStates>[0]): boolean =>
  compareStates(state, 'assigned') >= 0;

const noNetworks = {
  networks: [],
  removedNetworks: [],
  services: [],
  removedServices: [],
  peers: [],
  removedPeers: [],
};
