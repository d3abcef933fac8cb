import { createReadStream } from 'node:fs';
import { appendFile, type FileHandle, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';
import { type Entry, flaw, type Head, type Linked, link, parseRecord, start } from './chain.ts';

export interface Bounds {
  /** A file that has grown so far is followed by another. */
  readonly fileBytes: number;
  /** The oldest goes when there are more. */
  readonly files: number;
}

/** Some 130,000 records. */
const usual: Bounds = { fileBytes: 8 * 1024 * 1024, files: 4 };

/** What may end in the middle. */
export interface Disk {
  /** Resolves when the text is on the disk, at the end of the file. */
  append(path: string, text: string): Promise<void>;
  /** Cuts off what is behind so many bytes. */
  cut(path: string, bytes: number): Promise<void>;
}

const disk: Disk = {
  append: (path, text) => appendFile(path, text, { mode: 0o600, flush: true }),
  cut: truncate,
};

export interface AuditOptions {
  readonly log: Logger;
  readonly bounds?: Bounds;
  readonly disk?: Disk;
}

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
  /** Of whole records. */
  bytes: number;
  /** Half a record may stand behind these: it was not written to its end, and not cut off yet. */
  isHalf?: boolean;
}

const mostFlaws = 20;
/** Of a file's end, at a time. */
const readBytes = 64 * 1024;
const name = /^audit-(\d{12})\.jsonl$/;

/** What was asked of the API, one JSON object a line, in files named by their first record. */
export class AuditLog {
  readonly #folder: string;
  readonly #bounds: Bounds;
  readonly #disk: Disk;
  #head: Head;
  /** That is written. */
  #file: File | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  /** Throws when the folder can't be used. A record that a crash left half written was answered to nobody: it goes. */
  static async open(folder: string, options: AuditOptions): Promise<AuditLog> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const files = await filesIn(folder);
    const newest = files.at(-1);
    const file =
      newest === undefined ? undefined : { path: newest, bytes: await cutHalfLine(newest, options.log) };
    return new AuditLog(folder, options, await headOf(files), file);
  }

  private constructor(folder: string, options: AuditOptions, head: Head, file: File | undefined) {
    this.#folder = folder;
    this.#bounds = options.bounds ?? usual;
    this.#disk = options.disk ?? disk;
    this.#head = head;
    this.#file = file;
  }

  /** Resolves when the record is on the disk, in the order of calls. Rejects when it could not be written. */
  append(entry: Entry): Promise<void> {
    return this.#inTurn(() => this.#write(entry));
  }

  /** The last `count` records, oldest first. */
  async tail(count: number): Promise<Linked[]> {
    const files = await this.#inTurn(() => this.#files());
    let records: Linked[] = [];
    for (const { path, bytes } of files.toReversed()) {
      const inFile: Linked[] = [];
      for await (const line of linesOf(path, bytes)) {
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
    const [last, files] = await this.#inTurn(async () => [this.#head, await this.#files()] as const);
    const flaws: string[] = [];
    let head: Head | undefined;
    let first = 0;
    let records = 0;
    for (const { path, bytes } of files)
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
    if (this.#file?.isHalf) await this.#cutBack(this.#file);
    const record = link(this.#head, entry);
    const line = `${JSON.stringify(record)}\n`;
    if (!this.#file || this.#file.bytes >= this.#bounds.fileBytes) await this.#nextFile(record.number);
    const file = this.#file;
    if (!file) throw new Error('there is no file to write to');
    try {
      await this.#disk.append(file.path, line);
    } catch (error) {
      // Half a line must not stand before the next one. If it can't be cut off now, then before that.
      file.isHalf = true;
      await this.#cutBack(file).catch(() => undefined);
      throw error;
    }
    file.bytes += Buffer.byteLength(line);
    this.#head = record;
  }

  async #cutBack(file: File): Promise<void> {
    try {
      await this.#disk.cut(file.path, file.bytes);
    } catch (error) {
      // Not even half of it was written.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    file.isHalf = false;
  }

  /** Oldest first, with the bytes that count. */
  async #files(): Promise<File[]> {
    const half = this.#file?.isHalf ? this.#file : undefined;
    const paths = await filesIn(this.#folder);
    return Promise.all(
      paths.map(async (path) => (path === half?.path ? half : { path, bytes: (await stat(path)).size })),
    );
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

/** Of the first `bytes`. */
async function* linesOf(path: string, bytes = Infinity): AsyncGenerator<string> {
  if (bytes > 0)
    yield* createInterface({ input: createReadStream(path, { end: bytes - 1 }), crlfDelay: Infinity });
}

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
async function cutHalfLine(path: string, log: Logger): Promise<number> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const whole = await endOfLastLine(file, size);
    if (whole < size) {
      await file.truncate(whole);
      log.warn({ file: path, bytes: size - whole }, 'the last record of the audit was half written: cut off');
    }
    return whole;
  } finally {
    await file.close();
  }
}

/** Of the first `size` bytes. A record may be longer than what is read at a time. */
async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  for (let to = size; to > 0; to -= readBytes) {
    const from = Math.max(0, to - readBytes);
    const bytes = Buffer.alloc(to - from);
    await file.read(bytes, 0, bytes.length, from);
    const newline = bytes.lastIndexOf(0x0a);
    if (newline >= 0) return from + newline + 1;
  }
  return 0;
}
