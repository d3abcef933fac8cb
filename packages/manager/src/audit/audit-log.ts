import { createReadStream } from 'node:fs';
import { appendFile, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Entry, flaw, type Head, type Linked, link, parseRecord, start } from './chain.ts';

export interface Bounds {
  /** A file that has grown so far is followed by another. */
  readonly fileBytes: number;
  /** The oldest goes when there are more. */
  readonly files: number;
}

/** Some 130,000 records. */
const usual: Bounds = { fileBytes: 8 * 1024 * 1024, files: 4 };

export interface Verdict {
  readonly ok: boolean;
  readonly records: number;
  /** Of the oldest that is kept. */
  readonly first: number;
  readonly head: Head;
  /** What is wrong, oldest first; the first few. */
  readonly flaws: readonly string[];
}

interface File {
  readonly path: string;
  bytes: number;
}

const mostFlaws = 20;
const name = /^audit-(\d{12})\.jsonl$/;

/** What was asked of the API, one JSON object a line, in files named by their first record. */
export class AuditLog {
  readonly #folder: string;
  readonly #bounds: Bounds;
  #head: Head;
  /** That is written. */
  #file: File | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  /** Throws when the folder can't be used. A record that a crash left half written was answered to nobody: it goes. */
  static async open(folder: string, bounds = usual): Promise<AuditLog> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const files = await filesIn(folder);
    const newest = files.at(-1);
    const file = newest === undefined ? undefined : { path: newest, bytes: await cutHalfLine(newest) };
    return new AuditLog(folder, bounds, await headOf(files), file);
  }

  private constructor(folder: string, bounds: Bounds, head: Head, file: File | undefined) {
    this.#folder = folder;
    this.#bounds = bounds;
    this.#head = head;
    this.#file = file;
  }

  /** Resolves when the record is on the disk, in the order of calls. Rejects when it could not be written. */
  append(entry: Entry): Promise<void> {
    return this.#inTurn(() => this.#write(entry));
  }

  /** The last `count` records, oldest first. */
  async tail(count: number): Promise<Linked[]> {
    await this.#writing;
    let records: Linked[] = [];
    for (const file of (await filesIn(this.#folder)).toReversed()) {
      const inFile: Linked[] = [];
      for await (const line of linesOf(file)) {
        const record = parseRecord(line);
        if (record) inFile.push(record);
      }
      records = [...inFile, ...records].slice(-count);
      if (records.length === count) break;
    }
    return records;
  }

  /** Reads all that is kept, and looks whether each record follows the one before it, up to the last that was written. */
  async verify(): Promise<Verdict> {
    // What is written while this reads is left out: it may be half there.
    const [last, files] = await this.#inTurn(async () => [this.#head, await sizesIn(this.#folder)] as const);
    const flaws: string[] = [];
    let head: Head | undefined;
    let first = 0;
    let records = 0;
    for (const { path, bytes } of files.filter((file) => file.bytes > 0))
      for await (const line of linesOf(path, bytes)) {
        const record = parseRecord(line);
        const wrong = record ? flaw(head, record) : `what follows record ${head?.number ?? 0} is none`;
        if (wrong !== undefined && flaws.length < mostFlaws) flaws.push(wrong);
        if (!record) continue;
        records++;
        first ||= record.number;
        head = record;
      }
    if ((head?.hash ?? '') !== last.hash && flaws.length < mostFlaws)
      flaws.push(`record ${last.number}, which was the last to be written, is not the last that is there`);
    return {
      ok: flaws.length === 0,
      records,
      first,
      head: { number: last.number, hash: last.hash },
      flaws,
    };
  }

  /** After all that was begun before, and before all that comes later. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(act);
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #write(entry: Entry): Promise<void> {
    const record = link(this.#head, entry);
    const line = `${JSON.stringify(record)}\n`;
    if (!this.#file || this.#file.bytes >= this.#bounds.fileBytes) await this.#nextFile(record.number);
    const file = this.#file;
    if (!file) throw new Error('there is no file to write to');
    try {
      await appendFile(file.path, line, { mode: 0o600, flush: true });
    } catch (error) {
      // Half a line must not stand before the next one.
      await truncate(file.path, file.bytes).catch(() => undefined);
      throw error;
    }
    file.bytes += Buffer.byteLength(line);
    this.#head = record;
  }

  async #nextFile(first: number): Promise<void> {
    const files = await filesIn(this.#folder);
    for (const old of files.slice(0, Math.max(0, files.length + 1 - this.#bounds.files))) await rm(old);
    this.#file = { path: join(this.#folder, `audit-${String(first).padStart(12, '0')}.jsonl`), bytes: 0 };
  }
}

/** Oldest first. */
const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder))
    .filter((file) => name.test(file))
    .toSorted()
    .map((file) => join(folder, file));

const sizesIn = async (folder: string): Promise<File[]> =>
  Promise.all((await filesIn(folder)).map(async (path) => ({ path, bytes: (await stat(path)).size })));

/** Of the first `bytes`. */
const linesOf = (path: string, bytes = Infinity) =>
  createInterface({ input: createReadStream(path, { end: bytes - 1 }), crlfDelay: Infinity });

/** The newest may have been begun, and not written to yet. */
async function headOf(files: readonly string[]): Promise<Head> {
  let head: Head | undefined;
  for (const file of files.toReversed()) {
    for await (const line of linesOf(file)) head = parseRecord(line) ?? head;
    if (head) break;
  }
  return head ?? start;
}

/** Returns how long the file is afterwards. */
async function cutHalfLine(file: string): Promise<number> {
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  try {
    const end = Buffer.alloc(Math.min(size, 64 * 1024));
    await handle.read(end, 0, end.length, size - end.length);
    const whole = size - end.length + end.lastIndexOf(0x0a) + 1;
    if (whole < size) await handle.truncate(whole);
    return whole;
  } finally {
    await handle.close();
  }
}
