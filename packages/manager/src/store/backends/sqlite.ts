import { DatabaseSync } from 'node:sqlite';
import type { Backend, ChangeBatch } from '../store.ts';
import type { Stored } from '../table.ts';

const schema = `
  PRAGMA journal_mode = WAL;
  -- FULL: a commit that was acknowledged survives power loss, not only the death of the process.
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS objects (kind TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL);
  INSERT OR IGNORE INTO head VALUES (1, 0);
`;

/**
 * State in one SQLite file. Throws when the file can't be opened, or is still held by another manager after
 * `lockWaitMs`.
 */
export function sqliteBackend(path: string, lockWaitMs = 5_000): Backend {
  const db = new DatabaseSync(path, { timeout: lockWaitMs });
  // One manager a file: a second one must fail at its start, not corrupt the first one's memory.
  db.exec('PRAGMA locking_mode = EXCLUSIVE;');
  try {
    db.exec(schema);
  } catch (error) {
    db.close();
    throw new Error(`can't use the state in ${path}: is another manager running on it?`, { cause: error });
  }
  const put = db.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM objects WHERE kind = ? AND id = ?');
  const setHead = db.prepare('UPDATE head SET revision = ?');
  const write = ({ revision, changes }: ChangeBatch): void => {
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const { table, id, after } of changes) {
        if (after) put.run(table, id, JSON.stringify(after));
        else remove.run(table, id);
      }
      setHead.run(revision);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  };
  return {
    load: async () => {
      const { revision } = db.prepare('SELECT revision FROM head').get() as { revision: number };
      const rows = db.prepare('SELECT kind, json FROM objects').all() as { kind: string; json: string }[];
      return {
        revision,
        objects: rows.map(({ kind, json }) => ({ table: kind, object: JSON.parse(json) as Stored })),
      };
    },
    commit: async (batch) => write(batch),
    close: async () => db.close(),
  };
}
