import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Assignments, StatusBatch, type TaskStatus } from '@shoal/proto';
import type { Logger } from 'pino';
import { type AssignmentSet, applyAssignments, noAssignments, toComplete } from './assignment-set.ts';
import { LazyFile, readIfThere, writeAtomically } from './atomic-file.ts';

/** Changes that come together are written together; a crash loses no more than this. */
const gatherMs = 200;

/** Who this host is to its manager. */
export interface Identity {
  readonly nodeId: string;
  readonly clusterId: string;
}

/**
 * What survives the agent in its state directory: who it is, what it has to run, and what it said about
 * it. A task that ended must not run again only because the agent was started anew.
 */
export class Journal {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #assignmentFile: LazyFile;
  readonly #statusFile: LazyFile;
  readonly statuses = new Map<string, TaskStatus>();
  #identity: Identity | undefined;
  #rebooted = false;
  #assignments: AssignmentSet = noAssignments;

  private constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
    this.#assignmentFile = this.#lazily('assignments.bin', () =>
      Assignments.encode(toComplete(this.#assignments)).finish(),
    );
    this.#statusFile = this.#lazily('statuses.bin', () =>
      StatusBatch.encode({ number: 0, statuses: [...this.statuses.values()] }).finish(),
    );
  }

  /**
   * `boot` tells one boot of the host from another.
   * @throws when the directory can't be made or read; a broken file in it is reported and left out
   */
  static async open(folder: string, boot: string, log: Logger): Promise<Journal> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    const journal = new Journal(folder, log);
    await journal.#read('node.json', (data) => {
      const { nodeId, clusterId } = JSON.parse(data.toString('utf8')) as Partial<Identity>;
      if (nodeId && clusterId) journal.#identity = { nodeId, clusterId };
    });
    await journal.#read('assignments.bin', (data) => {
      journal.#assignments = applyAssignments(noAssignments, Assignments.decode(data)) ?? noAssignments;
    });
    await journal.#read('statuses.bin', (data) => {
      for (const status of StatusBatch.decode(data).statuses) journal.statuses.set(status.taskId, status);
    });
    await journal.#noteBoot(boot);
    return journal;
  }

  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** The host was booted since the journal was last opened. */
  get rebooted(): boolean {
    return this.#rebooted;
  }

  get assignments(): AssignmentSet {
    return this.#assignments;
  }

  /** On disk when it resolves. */
  async setIdentity(identity: Identity): Promise<void> {
    if (JSON.stringify(identity) === JSON.stringify(this.#identity)) return;
    await writeAtomically(join(this.#folder, 'node.json'), `${JSON.stringify(identity)}\n`);
    this.#identity = identity;
  }

  setAssignments(assignments: AssignmentSet): void {
    this.#assignments = assignments;
    this.#assignmentFile.touch();
  }

  setStatus(status: TaskStatus): void {
    this.statuses.set(status.taskId, status);
    this.#statusFile.touch();
  }

  dropStatus(taskId: string): void {
    if (this.statuses.delete(taskId)) this.#statusFile.touch();
  }

  async flush(): Promise<void> {
    await Promise.all([this.#assignmentFile.flush(), this.#statusFile.flush()]);
  }

  async #noteBoot(boot: string): Promise<void> {
    let before = '';
    await this.#read('boot', (data) => {
      before = data.toString('utf8');
    });
    this.#rebooted = before !== '' && before !== boot;
    if (before !== boot) await writeAtomically(join(this.#folder, 'boot'), boot);
  }

  #lazily(name: string, encode: () => Uint8Array): LazyFile {
    const path = join(this.#folder, name);
    return new LazyFile(
      () =>
        writeAtomically(path, encode()).catch((error) =>
          this.#log.error({ err: error, path }, 'the journal cannot be written: is the disk full?'),
        ),
      gatherMs,
    );
  }

  async #read(name: string, take: (data: Buffer) => void): Promise<void> {
    const path = join(this.#folder, name);
    const data = await readIfThere(path);
    if (!data) return;
    try {
      take(data);
    } catch (error) {
      this.#log.error({ err: error, path }, 'broken file in the state directory, going on without it');
    }
  }
}
