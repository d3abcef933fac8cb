import { hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { constants, createGunzip, createGzip } from 'node:zlib';
import { keyFromPassphrase, saltBytes } from '../trust/index.ts';
import { BackupError } from './error.ts';
import { openedChunks, readWhole, sealingChunks } from './sealed-chunks.ts';

/*
 * A backup is one file: these first bytes, the length of a header, the header (JSON, in the clear), and then, compressed and
 * encrypted, a line of JSON that says what is in it, and the state as an SQLite file.
 */
const magic = Buffer.from('shoal-backup\n');
/** Raised when a release before could not read it any more. */
const format = 1;
const longestHeader = 4_096;
const longestLine = 1024 * 1024;

const keyBytes = 32;

interface Header {
  readonly format: number;
  /** ISO 8601. */
  readonly madeAt: string;
  /** Of Shoal. */
  readonly release: string;
  /** Base64. */
  readonly salt: string;
  /** Says whether a passphrase is the right one. */
  readonly check: string;
}

/** The key, used for this file alone, and what says that the passphrase is the right one. */
async function keysOf(passphrase: string, salt: string): Promise<[Buffer, Buffer]> {
  const key = await keyFromPassphrase(passphrase, Buffer.from(salt, 'base64'));
  const both = Buffer.from(hkdfSync('sha256', key, '', 'shoal backup', 2 * keyBytes));
  return [both.subarray(0, keyBytes), both.subarray(keyBytes)];
}

/** The bytes of a backup. `line` says what is in it; `state` is read to its end and closed, also when the reader goes away. */
export async function backupOf(
  line: object,
  state: FileHandle,
  { passphrase, madeAt, release }: { readonly passphrase: string } & Pick<Header, 'madeAt' | 'release'>,
): Promise<Readable> {
  const salt = randomBytes(saltBytes).toString('base64');
  const [key, check] = await keysOf(passphrase, salt);
  const head: Header = { format, madeAt, release, salt, check: check.toString('base64') };
  const header = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length);
  async function* plain() {
    yield Buffer.from(`${JSON.stringify(line)}\n`);
    yield* state.createReadStream();
  }
  const out = new PassThrough();
  out.write(Buffer.concat([magic, length, header]));
  const squeeze = createGzip({ level: constants.Z_BEST_SPEED });
  pipeline(Readable.from(plain()), squeeze, sealingChunks(key, header), out, (error) => {
    void state.close().catch(() => undefined);
    if (error) out.destroy(error);
  });
  return out;
}

export interface Opened {
  readonly madeAt: string;
  readonly release: string;
  /** What it says is in it. */
  readonly line: unknown;
  /** The SQLite file. It is whole only when this has come to its end without an error. */
  readonly state: AsyncIterable<Buffer>;
}

/** Reads a backup: calls `use` while it is open. Throws a BackupError, with the file's name, for one that can't be used. */
export async function withBackup<T>(
  path: string,
  passphrase: string,
  use: (opened: Opened) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const [header, bytes] = await headerOf(file);
    const [key, check] = await keysOf(passphrase, header.salt);
    const expected = Buffer.from(header.check, 'base64');
    if (expected.length !== check.length || !timingSafeEqual(expected, check))
      throw new BackupError('the passphrase is not the one that it was made with');
    const text = Readable.from(openedChunks(file, key, bytes)).compose(createGunzip());
    const [line, state] = await splitLine(text as AsyncIterable<Buffer>);
    return await use({ madeAt: header.madeAt, release: header.release, line, state });
  } catch (error) {
    if (error instanceof BackupError) throw new BackupError(`${path} can't be used: ${error.message}`);
    throw error;
  } finally {
    await file?.close();
  }
}

async function headerOf(file: FileHandle): Promise<[Header, Buffer]> {
  const foreign = () => new BackupError('it is no backup of Shoal');
  const start = await readWhole(file, magic.length).catch(() => undefined);
  if (!start?.equals(magic)) throw foreign();
  const length = (await readWhole(file, 4)).readUInt32BE();
  if (length > longestHeader) throw foreign();
  const bytes = await readWhole(file, length);
  const header = parsed(bytes.toString()) as Header | undefined;
  if (typeof header?.format !== 'number') throw foreign();
  if (header.format !== format)
    throw new BackupError(
      `it is of format ${header.format}, and this release of Shoal reads format ${format}: use the release that made it, ${header.release}, or a newer one`,
    );
  if (typeof header.salt !== 'string' || typeof header.check !== 'string') throw foreign();
  return [header, bytes];
}

/** The first line as JSON, and what follows it. */
async function splitLine(text: AsyncIterable<Buffer>): Promise<[unknown, AsyncIterable<Buffer>]> {
  const chunks = text[Symbol.asyncIterator]();
  let begin = Buffer.alloc(0);
  for (;;) {
    const end = begin.indexOf('\n');
    if (end !== -1) {
      const rest = async function* () {
        yield begin.subarray(end + 1);
        for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
      };
      return [parsed(begin.subarray(0, end).toString()), rest()];
    }
    const { done, value } = await chunks.next();
    if (done || begin.length > longestLine) throw new BackupError('what is in it is no backup');
    begin = Buffer.concat([begin, value]);
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
