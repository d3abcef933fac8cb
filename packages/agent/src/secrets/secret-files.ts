import { chmod, chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Assignment } from '@shoal/proto';
import type { Logger } from 'pino';
import type { ObjectsFor } from '../assignments/index.ts';
import { Refused } from '../task/index.ts';

export interface SecretFilesOptions {
  /** Makes the folder, and says where it is; see `memoryFolder`. */
  readonly folder: () => Promise<string>;
  /** What this host was told that secrets and configs hold. */
  readonly contents: () => ObjectsFor<'secrets'>;
  readonly log: Logger;
}

const part = '.new';

/** Another host may have one. */
function noPlace(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new Refused('other', `no place for files of secrets and configs on this host: ${reason}`);
}

/**
 * The files of secrets and configs that containers mount, in this host's memory: a folder for each task, whole or not there. They
 * outlive the agent, so that after its restart a container can start again while the manager, who alone knows what they hold, is away;
 * they do not outlive the host's power, nor the task's end.
 */
export class SecretFiles {
  readonly #options: SecretFilesOptions;
  /** What was left here is known. */
  #isOpen = false;
  /** Ids of the tasks whose folder is there. */
  readonly #there = new Set<string>();
  /** One after the other: what is written last is what was asked last. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: SecretFilesOptions) {
    this.#options = options;
  }

  /** What an agent before this one left here. Not being able to look is said, and tried again when there is something to write. */
  async start(): Promise<void> {
    await this.#do(() => this.#open()).catch((error) =>
      this.#options.log.error({ err: error }, 'no tasks with secrets or configs can be started here'),
    );
  }

  /** All files of the task are there, or can be made. */
  has({ taskId, files }: Assignment): boolean {
    return this.#there.has(taskId) || files.every((file) => this.#contentOf(file) !== undefined);
  }

  /** Has the files of the task be there. Rejects when they can't be made: with Refused where this host has no place for any, else to be tried again. */
  async put({ taskId, files }: Assignment): Promise<void> {
    if (files.length === 0 || this.#there.has(taskId)) return;
    await this.#do(async () => {
      const folder = join(await this.#open().catch(noPlace), taskId);
      await rm(folder + part, { recursive: true, force: true });
      await mkdir(folder + part, { mode: 0o700 });
      for (const [place, file] of files.entries()) {
        const content = this.#contentOf(file);
        if (!content) throw new Error(`the manager has not said yet what a ${file.kind} of this task holds`);
        const path = join(folder + part, String(place));
        await writeFile(path, content, { mode: 0o600 });
        await chown(path, file.uid, file.gid);
        // Last, since a change of the owner takes bits away.
        await chmod(path, file.mode);
      }
      await rm(folder, { recursive: true, force: true });
      await rename(folder + part, folder);
      this.#there.add(taskId);
    });
  }

  /** The task has ended, or is nothing to this host any more. A container that still runs keeps what it has mounted. */
  drop(taskId: string): void {
    if (!this.#there.delete(taskId)) return;
    void this.#do(async () => {
      if (!this.#there.has(taskId))
        await rm(join(await this.#open(), taskId), { recursive: true, force: true });
    }).catch((error) =>
      this.#options.log.warn({ err: error, taskId }, 'files of a task could not be removed'),
    );
  }

  /** Drops those of all other tasks. */
  keepOnly(isTask: (taskId: string) => boolean): void {
    for (const taskId of [...this.#there]) if (!isTask(taskId)) this.drop(taskId);
  }

  #contentOf({ kind, id }: Assignment['files'][number]): Buffer | undefined {
    const { secret, config } = this.#options.contents();
    return (kind === 'secret' ? secret : config).get(id)?.data;
  }

  #do<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  /** Looked at each time: without its mount, what is written there might be on a disk. */
  async #open(): Promise<string> {
    const folder = await this.#options.folder();
    if (this.#isOpen) return folder;
    for (const name of await readdir(folder)) {
      if (name.endsWith(part)) await rm(join(folder, name), { recursive: true, force: true });
      else this.#there.add(name);
    }
    this.#isOpen = true;
    return folder;
  }
}
