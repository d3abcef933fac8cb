import {
  decodeObserved,
  type HostTasks,
  probeHost,
  type Query,
  type QueryResult,
  type TaskStatus,
} from '@shoal/proto';
import { isTerminal } from '@shoal/proto/rules';
import type { Objects } from './assignments/index.ts';
import { type Daemon, messageOf, statusCodeOf } from './docker/index.ts';
import { kernel, memoryUse } from './health/index.ts';
import type { HostNetwork } from './network/index.ts';
import { Limiter, type Tasks } from './task/index.ts';

const atATime = 4;

export interface Asked {
  readonly images: Pick<Daemon['images'], 'distribution'>;
  readonly network: Pick<HostNetwork, 'counters' | 'check' | 'heard'>;
  readonly tasks: Pick<Tasks, 'statuses'>;
  /** As the manager said last. */
  readonly assigned: () => Objects['task'];
}

/** What this host answers when the manager asks. */
export class Answers {
  readonly #asked: Asked;
  readonly #limiter = new Limiter(atATime);

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  /** Never rejects. */
  to(query: Query): Promise<QueryResult> {
    // Whether a host lives can't wait behind questions to registries.
    return query.what?.$case === 'hostProbe'
      ? this.#answer(query)
      : this.#limiter.run(() => this.#answer(query));
  }

  async #answer({ id, what }: Query): Promise<QueryResult> {
    try {
      const answer = await this.#find(what);
      if (answer === undefined)
        return failure(id, 501, 'this agent is older than the manager and does not know the question');
      return { id, outcome: { $case: 'json', value: JSON.stringify(answer) } };
    } catch (error) {
      return failure(id, statusCodeOf(error) ?? 503, messageOf(error));
    }
  }

  async #find(what: Query['what']): Promise<unknown> {
    const { images, network, tasks, assigned } = this.#asked;
    switch (what?.$case) {
      case 'distribution':
        return images.distribution(what.value.image, what.value.registryAuth);
      case 'networkCounters':
        return network.counters();
      case 'networkCheck':
        return network.check(what.value);
      case 'networkHeard':
        return network.heard(what.value.probe);
      case 'hostProbe':
        return { answer: await probeHost(what.value.address, what.value.port) };
      case 'memoryUse':
        return memoryUse(kernel, tasks.statuses());
      case 'hostTasks':
        return hostTasks(tasks.statuses(), assigned());
      default:
        return undefined;
    }
  }
}

/** What it was told of last, and how that is. */
const hostTasks = (statuses: readonly TaskStatus[], assigned: Objects['task']): HostTasks => ({
  tasks: statuses.map(({ taskId, state }) => ({
    taskId,
    serviceName: assigned.get(taskId)?.serviceName ?? '',
    running: !isTerminal(decodeObserved(state) ?? 'running'),
  })),
});

const failure = (id: string, status: number, message: string): QueryResult => ({
  id,
  outcome: { $case: 'error', value: { status, message } },
});
