import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskStatus } from '@shoal/proto';

const everyMs = 500;

export interface ProcessesWatchOptions {
  /** Of the kernel; another folder in tests. */
  readonly proc?: string;
  readonly statuses: () => readonly TaskStatus[];
  readonly onEnded: (taskId: string) => void;
}

/** While the daemon is away: tells which running tasks' processes have ended, since nobody else does. */
export class ProcessesWatch {
  readonly #options: ProcessesWatchOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ProcessesWatchOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#timer ??= setInterval(() => void this.#look(), everyMs);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const { proc = '/proc', statuses, onEnded } = this.#options;
    await Promise.all(
      statuses().map(async ({ taskId, container }) => {
        if (!container?.pid || (await isAlive(proc, container.pid, container.id))) return;
        // By now the daemon may be back, and knows better.
        if (this.#timer) onEnded(taskId);
      }),
    );
  }
}

/** The path of a container's control group has its id, whatever driver made it: another process may have the PID now. */
const isAlive = (proc: string, pid: number, containerId: string): Promise<boolean> =>
  readFile(join(proc, String(pid), 'cgroup'), 'utf8').then(
    (groups) => groups.includes(containerId),
    () => false,
  );
