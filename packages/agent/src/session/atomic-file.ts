import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Readable by the agent alone: the files hold its key, and what containers are given. */
const mode = 0o600;

/** After it, the file holds all of `data`; a crash before leaves what was there. */
export async function writeAtomically(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Undefined when there is no such file. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes the newest state of a file some time after it changed: many changes make one write. */
export class LazyFile {
  readonly #write: () => Promise<void>;
  readonly #gatherMs: number;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param write writes what is true when it is called */
  constructor(write: () => Promise<void>, gatherMs: number) {
    this.#write = write;
    this.#gatherMs = gatherMs;
  }

  touch(afterMs = this.#gatherMs): void {
    this.#timer ??= setTimeout(() => this.#start(), afterMs);
  }

  /** Resolves when what was true at the call is on disk. */
  async flush(): Promise<void> {
    if (this.#timer) this.#start();
    await this.#writing;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(this.#write);
  }
}
