import { Worker } from 'node:worker_threads';
import type { Backend } from '../store.ts';
import type { Stored } from '../table.ts';
import type { Answers, Opening, Request } from './sqlite-worker.ts';

const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.mjs',
  import.meta.url,
);

/**
 * State in one SQLite file, which this process keeps locked until `close`. A thread of its own waits for the disk.
 * Rejects when the file can't be opened, or is still held by another manager after `lockWaitMs`.
 */
export async function sqliteBackend(path: string, lockWaitMs = 5_000): Promise<Backend> {
  const thread = new DiskThread({ path, lockWaitMs });
  await thread.opened;
  return {
    load: async () => {
      const { revision, rows } = await thread.ask({ do: 'load' });
      return {
        revision,
        objects: Iterator.from(rows).map(({ table, json }) => ({
          table,
          object: JSON.parse(json) as Stored,
        })),
      };
    },
    commit: (batches) => {
      const writes = batches.flatMap(({ changes }) =>
        changes.map(({ table, id, after }) => ({ table, id, json: after && JSON.stringify(after) })),
      );
      return thread.ask({ do: 'commit', revision: batches.at(-1)?.revision ?? 0, writes });
    },
    copyTo: async (path) => {
      const trouble = await thread.ask({ do: 'copy', to: path });
      if (trouble !== undefined) throw new Error(`the state could not be copied: ${trouble}`);
    },
    purge: () => thread.ask({ do: 'purge' }).catch(() => undefined),
    close: () => thread.close(),
  };
}

interface Asked {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Asks the thread; it answers in order. */
class DiskThread {
  readonly #worker: Worker;
  readonly #asked: Asked[] = [];
  #dead: Error | undefined;
  /** Rejects when the file can't be used. */
  readonly opened: Promise<unknown>;

  constructor(opening: Opening) {
    this.#worker = new Worker(workerFile, { workerData: opening });
    this.#worker
      .on('message', (answer) => this.#asked.shift()?.resolve(answer))
      .on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))))
      .on('exit', () => this.#end(new Error('the thread that writes the state has ended')));
    this.opened = this.#answer();
  }

  ask<R extends Request>(request: R): Promise<Answers[R['do']]> {
    if (this.#dead) return Promise.reject(this.#dead);
    this.#worker.postMessage(request);
    return this.#answer() as Promise<Answers[R['do']]>;
  }

  /** The file is free for others afterwards, whatever state the thread is in. */
  async close(): Promise<void> {
    await this.ask({ do: 'close' }).catch(() => undefined);
    await this.#worker.terminate();
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#asked.push({ resolve, reject }));
  }

  #end(error: Error): void {
    this.#dead ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(this.#dead);
  }
}
