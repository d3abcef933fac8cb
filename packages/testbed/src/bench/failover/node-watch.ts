import { setTimeout as sleep } from 'node:timers/promises';
import { httpJson } from '../../probe.ts';

const everyMs = 20;

interface NodeView {
  Description: { Hostname: string };
  Status: { State: string };
}

/** Looks at all nodes until stopped, and keeps when each host was first seen `down` (milliseconds since 1970). */
export class NodeWatch {
  readonly downAt = new Map<string, number>();
  readonly #url: string;
  readonly #looking: Promise<void>;
  #stopped = false;

  constructor(apiUrl: string) {
    this.#url = `${apiUrl}/v1.41/nodes`;
    this.#looking = this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      try {
        const nodes = await httpJson<NodeView[]>(this.#url, { timeoutMs: 1_000 });
        for (const { Description, Status } of nodes) {
          if (Status.State === 'down' && !this.downAt.has(Description.Hostname))
            this.downAt.set(Description.Hostname, Date.now());
        }
      } catch {
        // The next look sees the same: nodes stay down for longer than that.
      }
      await sleep(everyMs);
    }
  }
}
