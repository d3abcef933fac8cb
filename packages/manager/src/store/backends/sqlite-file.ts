import { chmodSync, closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { renameDurably } from '../../durable.ts';
import type { Outcome } from '../store.ts';
import { format, isReadable, upgrade } from './upgrade.ts';

const schema = `
  PRAGMA journal_mode = WAL;
  -- FULL: a commit that was acknowledged survives power loss, not only the death of the process.
  PRAGMA synchronous = FULL;
  -- What is removed or sealed anew leaves no bytes behind in the file.
  PRAGMA secure_delete = ON;
  CREATE TABLE IF NOT EXISTS objects (kind TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL);
  INSERT OR IGNORE INTO head VALUES (1, 0);
  -- After an fsync that failed, what the log holds may be only in memory: what is read from here on is on disk.
  PRAGMA wal_checkpoint(TRUNCATE);
`;

/** One object written, or removed (no `json`). */
export interface Write {
  readonly table: string;
  readonly id: string;
  readonly json: string | undefined;
}

export interface Row {
  readonly table: string;
  readonly json: string;
}

/** Of SQLite, https://sqlite.org/rescode.html: another process has the lock; the disk, or a quota, is full. */
const [sqliteBusy, sqliteFull] = [5, 13];

const codeOf = (error: unknown): unknown => (error as { errcode?: unknown }).errcode;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** State in one SQLite file; every call blocks until the disk has done it. */
export class SqliteFile {
  readonly #db: DatabaseSync;
  readonly #statements;

  /** Throws when the file can't be opened, or is still held by another manager after `lockWaitMs`. */
  static open(path: string, lockWaitMs: number): SqliteFile {
    // SQLite's other files get the mode of this one.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    const db = new DatabaseSync(path, { timeout: lockWaitMs });
    try {
      // Only one manager may use a file: a second one must fail at its start.
      db.exec('PRAGMA locking_mode = EXCLUSIVE;');
      const file = new SqliteFile(db);
      file.#bringUpToDate(path);
      return file;
    } catch (error) {
      db.close();
      const isHeld = codeOf(error) === sqliteBusy;
      const why = isHeld ? 'another process holds it, is a second manager running on it?' : messageOf(error);
      throw new Error(`can't use the state in ${path}: ${why}`);
    }
  }

  /**
   * Writes objects of an older format anew, all of them or none; a new file is of the present format. The state as it was stays
   * in a copy beside it, as this release may turn out not to work here: `shoal upgrade` brings that back.
   */
  #bringUpToDate(path: string): void {
    const { user_version: has } = this.#db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (has === format) return;
    const { revision, rows } = this.load();
    if (revision > 0 && !isReadable(has))
      throw new Error(
        `it is of format ${has}, this version of Shoal reads formats up to ${format}: start that version again, or begin anew with another --state-dir`,
      );
    if (revision > 0) this.#writeCopy(`${path}.format-${has}`);
    this.#db.exec('BEGIN IMMEDIATE');
    for (const { table, json } of rows) {
      const object = upgrade(has, table, JSON.parse(json)) as { ID: string };
      this.#statements.put.run(table, object.ID, JSON.stringify(object));
    }
    this.#db.exec(`PRAGMA user_version = ${format}; COMMIT;`);
  }

  /** Throws when not all of the copy is on the disk; then there is none. */
  #writeCopy(path: string): void {
    const part = `${path}.part`;
    rmSync(part, { force: true });
    try {
      // It has the mode of the empty file that it is written into.
      writeFileSync(part, '', { mode: 0o600 });
      this.#db.prepare('VACUUM INTO ?').run(part);
      renameDurably(part, path);
    } finally {
      rmSync(part, { force: true });
    }
  }

  constructor(db: DatabaseSync) {
    db.exec(schema);
    this.#db = db;
    this.#statements = {
      head: db.prepare('SELECT revision FROM head'),
      setHead: db.prepare('UPDATE head SET revision = ?'),
      all: db.prepare('SELECT kind AS "table", json FROM objects'),
      put: db.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?)'),
      remove: db.prepare('DELETE FROM objects WHERE kind = ? AND id = ?'),
    };
  }

  load(): { revision: number; rows: Row[] } {
    const { revision } = this.#statements.head.get() as { revision: number };
    return { revision, rows: this.#statements.all.all() as unknown as Row[] };
  }

  /**
   * One SQLite transaction, never fenced: the lock on the file is held until `close`. A full disk is `refused`, since the
   * mark that ends a commit in the log is the last thing written. Any other error of COMMIT is `unknown`: after an fsync
   * that failed, nobody knows what a restart would find.
   */
  commit(revision: number, writes: readonly Write[]): Outcome {
    const { put, remove, setHead } = this.#statements;
    let committing = false;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const { table, id, json } of writes) {
        if (json === undefined) remove.run(table, id);
        else put.run(table, id, json);
      }
      setHead.run(revision);
      committing = true;
      this.#db.exec('COMMIT');
      return 'done';
    } catch (error) {
      const isFull = codeOf(error) === sqliteFull;
      if (!this.#rolledBack() || (committing && !isFull)) return 'unknown';
      return { refused: messageOf(error) };
    }
  }

  /** All of it as of now. Returns why there is no copy, if there is none. */
  copyTo(path: string): string | undefined {
    try {
      this.#writeCopy(path);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** What was replaced is overwritten where it stood (secure_delete), as soon as the log has been brought there. */
  purge(): void {
    try {
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // For instance a full disk. The next start does the same.
    }
  }

  close(): void {
    this.#db.close();
  }

  #rolledBack(): boolean {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      return true;
    } catch {
      return false;
    }
  }
}
