import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Change, Changes, kinds, ownerOnly, StatusBatch, type TaskStatus } from '@shoal/proto';
import type { Logger } from 'pino';
import { Assignments } from '../assignments/index.ts';
import { LazyFile, readIfThere, writeAtomically } from './atomic-file.ts';

/** Changes that come together are written together; a crash loses no more than this. */
const gatherMs = 200;
/** What could not be written is tried again. */
const retryMs = 5_000;

/** All that an agent keeps in its state directory. */
const ours = /^([\w-]+\.(json|bin|key)|boot|lease)(\.new)?$/;

/** Of a cluster's managers, the highest term that was seen. */
export interface SeenTerm {
  readonly clusterId: string;
  readonly term: number;
}

/**
 * What survives the agent in its state directory: who it is, what it has to run, and what it said about
 * it. A task that ended must not run again only because the agent was started anew. While it can't be written, the
 * agent goes on with what it knows, and says so.
 */
export class Journal {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #bootFile: LazyFile;
  readonly #identityFile: LazyFile;
  readonly #termFile: LazyFile;
  readonly #assignmentFile: LazyFile;
  readonly #statusFile: LazyFile;
  readonly assignments = new Assignments();
  readonly statuses = new Map<string, TaskStatus>();
  /** Why files could not be written, by their names. */
  readonly #unwritten = new Map<string, string>();
  #onTrouble: () => void = () => {};
  #identity: string | undefined;
  #term: SeenTerm | undefined;
  #boot = '';
  #rebooted = false;
  #lease: number | undefined;
  #writingLease = false;
  #leaseWarned = false;

  private constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
    this.#bootFile = this.#lazily('boot', () => Buffer.from(this.#boot));
    this.#identityFile = this.#lazily('identity.json', () => Buffer.from(this.#identity ?? ''));
    this.#termFile = this.#lazily('term.json', () => Buffer.from(JSON.stringify(this.#term)));
    this.#assignmentFile = this.#lazily('assignments.bin', () =>
      Changes.encode(this.assignments.forDisk()).finish(),
    );
    this.#statusFile = this.#lazily('statuses.bin', () =>
      StatusBatch.encode({ number: 0, statuses: [...this.statuses.values()] }).finish(),
    );
  }

  /**
   * `boot` tells one boot of the host from another.
   * @throws when the directory can't be made, read, or closed to others; a broken file in it is reported and left out
   */
  static async open(folder: string, boot: string, log: Logger): Promise<Journal> {
    for (const line of ownerOnly(folder, ours)) log.warn(line);
    const journal = new Journal(folder, log);
    await journal.#read('identity.json', (data) => {
      journal.#identity = data.toString('utf8');
    });
    await journal.#read('term.json', (data) => {
      const { clusterId, term } = JSON.parse(data.toString('utf8')) as SeenTerm;
      journal.#term = { clusterId, term };
    });
    await journal.#read('assignments.bin', (data) => {
      const message = Changes.decode(data);
      if (message.changes.some((bytes) => !(Change.decode(bytes).kind in kinds)))
        throw new Error('an agent of another version wrote it');
      journal.assignments.apply(message);
    });
    await journal.#read('statuses.bin', (data) => {
      for (const status of StatusBatch.decode(data).statuses) journal.statuses.set(status.taskId, status);
    });
    await journal.#noteBoot(boot);
    return journal;
  }

  /** As it was set last; what it says only the identity's room knows. */
  get identity(): string | undefined {
    return this.#identity;
  }

  /** The host was booted since the journal was last opened. */
  get rebooted(): boolean {
    return this.#rebooted;
  }

  /** Why it can't be written; undefined while it can. */
  get trouble(): string | undefined {
    return this.#unwritten.values().next().value;
  }

  /** Called when the trouble has begun or ended. */
  onTrouble(listener: () => void): void {
    this.#onTrouble = listener;
  }

  /** As it was last set in the present boot of the host. */
  get lease(): number | undefined {
    return this.#lease;
  }

  /** Nobody waits for the disk: it has to outlive this process, not the host. One too many is left out. */
  setLease(uptimeMs: number): void {
    if (this.#writingLease) return;
    this.#writingLease = true;
    const path = join(this.#folder, 'lease');
    writeFile(`${path}.new`, String(uptimeMs), { mode: 0o600 })
      .then(() => rename(`${path}.new`, path))
      .then(() => {
        this.#leaseWarned = false;
      })
      .catch((error) => {
        // Twice a second, else.
        if (!this.#leaseWarned) this.#log.warn({ err: error, path }, 'the lease cannot be written');
        this.#leaseWarned = true;
      })
      .finally(() => {
        this.#writingLease = false;
      });
  }

  /** On disk when it resolves, if that is possible at all. */
  async setIdentity(identity: string): Promise<void> {
    this.#identity = identity;
    this.#identityFile.touch();
    await this.#identityFile.flush();
  }

  /**
   * On disk when it resolves, if that is possible at all.
   * @throws when the term is one before that of the cluster's last manager: who has it leads no more
   */
  async setTerm(seen: SeenTerm): Promise<void> {
    const { clusterId, term } = this.#term ?? seen;
    if (seen.clusterId === clusterId && seen.term < term)
      throw new Error(
        `it has term ${seen.term}, but this host knows a manager of the cluster with term ${term}: it does not lead any more, or its host's clock and state are older than that`,
      );
    if (seen.clusterId === clusterId && seen.term === this.#term?.term) return;
    this.#term = seen;
    this.#termFile.touch();
    await this.#termFile.flush();
  }

  /** The assignments have changed. */
  touchAssignments(): void {
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
    const files = [
      this.#bootFile,
      this.#identityFile,
      this.#termFile,
      this.#assignmentFile,
      this.#statusFile,
    ];
    await Promise.all(files.map((file) => file.flush()));
  }

  async #noteBoot(boot: string): Promise<void> {
    let before = '';
    await this.#read('boot', (data) => {
      before = data.toString('utf8');
    });
    this.#rebooted = before !== '' && before !== boot;
    if (before === boot) {
      await this.#read('lease', (data) => {
        this.#lease = Number(data.toString('utf8')) || undefined;
      });
      return;
    }
    this.#boot = boot;
    this.#bootFile.touch();
    await this.#bootFile.flush();
  }

  #lazily(name: string, encode: () => Uint8Array): LazyFile {
    const path = join(this.#folder, name);
    const write = async () => {
      try {
        await writeAtomically(path, encode());
        this.#note(() => this.#unwritten.delete(name));
      } catch (error) {
        // Said once: the other failures of an outage say the same.
        if (!this.#unwritten.has(name))
          this.#log.error({ err: error, path }, 'the journal cannot be written, trying again');
        this.#note(() => this.#unwritten.set(name, error instanceof Error ? error.message : String(error)));
        file.touch(retryMs);
      }
    };
    const file = new LazyFile(write, gatherMs);
    return file;
  }

  #note(change: () => void): void {
    const before = this.trouble === undefined;
    change();
    if ((this.trouble === undefined) !== before) this.#onTrouble();
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
