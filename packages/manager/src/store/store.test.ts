import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { aService, aTask } from '../testing.ts';
import { memoryBackend } from './backends/memory.ts';
import { sqliteBackend } from './backends/sqlite.ts';
import { SqliteFile } from './backends/sqlite-file.ts';
import { format } from './backends/upgrade.ts';
import type { ChangeBatch } from './change.ts';
import { OutOfSequenceError, StoreError } from './index.ts';
import type { Backend } from './store.ts';
import { TestStore } from './testing.ts';

const clock = () => Date.UTC(2026, 0, 1);
const open = (backend: Backend = memoryBackend()) => TestStore.open(backend, clock);

const folders: string[] = [];
const stateFile = () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-store-'));
  folders.push(folder);
  return join(folder, 'state.sqlite');
};
function inFile(path: string, change: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(path);
  change(db);
  db.close();
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('transactions', () => {
  it('see their own writes, and nobody else does until they are committed', async () => {
    const store = await open();
    await store.update((tx) => {
      tx.tasks.create(aTask('a', { NodeID: 'n1' }));
      expect(tx.tasks.by('node', 'n1').map(({ ID }) => ID)).toEqual(['a']);
      expect(store.view.tasks.size).toBe(0);
    });
    expect(store.view.tasks.get('a')?.Version.Index).toBe(1);
  });

  it('change nothing when they throw', async () => {
    const store = await open();
    const failing = store.update((tx) => {
      tx.tasks.create(aTask('a'));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect([store.revision, store.view.tasks.size]).toEqual([0, 0]);
  });

  it('are not visible when the backend could not keep them, and the next one works', async () => {
    let broken = true;
    const backend: Backend = {
      ...memoryBackend(),
      commit: async () => (broken ? { refused: 'disk full' } : 'done'),
    };
    const store = await open(backend);
    await expect(store.update((tx) => tx.tasks.create(aTask('a')))).rejects.toThrow('disk full');
    expect(store.view.tasks.size).toBe(0);
    broken = false;
    await store.update((tx) => tx.tasks.create(aTask('a')));
    expect(store.view.tasks.size).toBe(1);
  });

  it('refuse to overwrite what changed since it was read', async () => {
    const store = await open();
    const old = await store.update((tx) => tx.tasks.create(aTask('a')));
    await store.update((tx) => tx.tasks.update({ ...old, DesiredState: 'shutdown' }));
    await expect(store.update((tx) => tx.tasks.update({ ...old, DesiredState: 'remove' }))).rejects.toThrow(
      OutOfSequenceError,
    );
    await expect(store.update((tx) => tx.tasks.create(aTask('a')))).rejects.toThrow(StoreError);
  });

  it('report their net changes once, in order', async () => {
    const store = await open();
    const seen: ChangeBatch[] = [];
    store.watch((batch) => seen.push(batch));
    await Promise.all([
      store.update((tx) => {
        tx.tasks.create(aTask('a'));
        tx.tasks.create(aTask('b'));
        tx.tasks.remove('b');
      }),
      store.update(() => undefined),
      store.update((tx) => tx.services.create(aService('web'))),
    ]);
    expect(
      seen.map(({ revision, changes }) => [revision, changes.map(({ table, id }) => `${table}/${id}`)]),
    ).toEqual([
      [1, ['tasks/a']],
      [2, ['services/web']],
    ]);
  });
});

type Step = { id: string; node: string | undefined; action: 'put' | 'remove' };
const steps = fc.array(
  fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    node: fc.constantFrom('n1', 'n2', undefined),
    action: fc.constantFrom('put' as const, 'put' as const, 'remove' as const),
  }),
  { maxLength: 12 },
);

describe('indices', () => {
  it('agree with a plain search, inside and outside of transactions, after any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: 6 }), async (history: Step[][]) => {
        const store = await open();
        for (const transaction of history) {
          await store.update((tx) => {
            for (const { id, node, action } of transaction) {
              const present = tx.tasks.get(id);
              const { NodeID: _, ...task } = present ?? aTask(id);
              const next = { ...task, ...(node && { NodeID: node }) };
              if (action === 'remove') tx.tasks.remove(id);
              else if (present) tx.tasks.update(next);
              else tx.tasks.create(next);
              expect(tx.tasks.size).toBe([...tx.tasks.all()].length);
              for (const key of ['n1', 'n2']) {
                const expected = [...tx.tasks.all()]
                  .filter((found) => found.NodeID === key)
                  .map(({ ID }) => ID);
                expect(
                  tx.tasks
                    .by('node', key)
                    .map(({ ID }) => ID)
                    .sort(),
                ).toEqual(expected.sort());
              }
            }
          });
          for (const key of ['n1', 'n2']) {
            const expected = [...store.view.tasks.all()]
              .filter((found) => found.NodeID === key)
              .map(({ ID }) => ID);
            expect(
              store.view.tasks
                .by('node', key)
                .map(({ ID }) => ID)
                .sort(),
            ).toEqual(expected.sort());
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('sqlite', () => {
  it('gives everything back after a restart', async () => {
    const path = stateFile();
    const first = await open(await sqliteBackend(path));
    await first.update((tx) => {
      tx.services.create(aService('web'));
      tx.tasks.create(aTask('a'));
      tx.tasks.create(aTask('b'));
    });
    await first.update((tx) => tx.tasks.remove('b'));
    const expected = [...first.view.tasks.all(), ...first.view.services.all()];
    await first.close();
    const second = await open(await sqliteBackend(path));
    expect([...second.view.tasks.all(), ...second.view.services.all()]).toEqual(expected);
    expect(second.revision).toBe(2);
    await second.close();
  });

  it('refuses a second manager on the same state', async () => {
    const path = stateFile();
    const first = await open(await sqliteBackend(path));
    await first.update((tx) => tx.tasks.create(aTask('a')));
    await expect(sqliteBackend(path, 50)).rejects.toThrow('a second manager');
    await first.close();
  });

  it('refuses state of another format, and leaves it as it is', async () => {
    const path = stateFile();
    const first = await open(await sqliteBackend(path));
    await first.update((tx) => tx.tasks.create(aTask('a')));
    await first.close();
    for (const other of [0, format + 1]) {
      inFile(path, (db) => db.exec(`PRAGMA user_version = ${other}`));
      await expect(sqliteBackend(path)).rejects.toThrow(
        `of format ${other}, this version of Shoal reads formats up to ${format}:`,
      );
    }
    inFile(path, (db) => db.exec(`PRAGMA user_version = ${format}`));
    const again = await open(await sqliteBackend(path));
    expect(again.view.tasks.size).toBe(1);
    await again.close();
  });

  it('brings state of an older format up to date, once', async () => {
    const path = stateFile();
    const first = await open(await sqliteBackend(path));
    await first.update((tx) => tx.tasks.create(aTask('a', { NodeID: 'n1' })));
    await first.close();
    const Status = { Timestamp: 'then', State: 'running', PortStatus: {} };
    inFile(path, (db) => {
      db.prepare('UPDATE objects SET json = json_patch(json, ?)').run(JSON.stringify({ Status }));
      db.exec('PRAGMA user_version = 1');
    });
    for (let times = 0; times < 2; times++) {
      const store = await open(await sqliteBackend(path));
      expect(store.view.tasks.get('a')).toMatchObject({ observed: { state: 'running', at: 'then' } });
      await store.close();
    }
  });

  it('leaves a copy of state of an older format, for the release that wrote it', async () => {
    const path = stateFile();
    const first = await open(await sqliteBackend(path));
    await first.update((tx) => tx.services.create(aService('web')));
    await first.close();
    expect(readdirSync(dirname(path))).toEqual(['state.sqlite']);
    inFile(path, (db) => db.exec('PRAGMA user_version = 2'));
    // What a start that died left of its own.
    writeFileSync(`${path}.format-2.part`, 'half');
    const store = await open(await sqliteBackend(path));
    await store.update((tx) => tx.services.remove('web'));
    await store.close();
    const copy = `${path}.format-2`;
    expect(readdirSync(dirname(path))).toEqual(['state.sqlite', 'state.sqlite.format-2']);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    inFile(copy, (db) => {
      expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
      expect(db.prepare('SELECT kind, id FROM objects').all()).toEqual([{ kind: 'services', id: 'web' }]);
    });
  });

  it('says that nothing was written when the disk is full, and goes on once there is room', () => {
    const path = stateFile();
    const db = new DatabaseSync(path);
    const file = new SqliteFile(db);
    const large = (id: string) => ({
      table: 'tasks',
      id,
      json: JSON.stringify({ text: 'x'.repeat(50_000) }),
    });
    expect(file.commit(1, [large('a')])).toBe('done');
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number };
    db.exec(`PRAGMA max_page_count = ${pages + 1}`);
    expect(file.commit(2, [large('b')])).toEqual({ refused: expect.stringContaining('full') });
    expect(file.load()).toMatchObject({ revision: 1, rows: [expect.anything()] });
    db.exec(`PRAGMA max_page_count = ${pages + 100}`);
    expect(file.commit(2, [large('b')])).toBe('done');
    expect(file.load()).toMatchObject({ revision: 2, rows: [expect.anything(), expect.anything()] });
    file.close();
  });

  it('loses nothing it acknowledged and keeps no half transaction when killed at any moment', async () => {
    const path = stateFile();
    let acknowledged = 0;
    for (let kill = 0; kill < 6; kill++) {
      acknowledged = Math.max(acknowledged, await writeUntilKilled(path, 5 + kill * 8));
      const store = await open(await sqliteBackend(path));
      const numbers = [...store.view.tasks.all()].map(({ Slot }) => Slot ?? 0);
      const newest = Math.max(0, ...numbers);
      expect(newest).toBeGreaterThanOrEqual(acknowledged);
      // Every transaction rewrites the same five tasks: any mixture would show two numbers.
      expect(new Set(numbers).size).toBeLessThanOrEqual(1);
      expect(store.revision).toBe(newest);
      await store.close();
    }
    expect(acknowledged).toBeGreaterThan(0);
  }, 60_000);
});

/** Runs a writer as a process, kills it after some acknowledged writes, and returns the last it acknowledged. */
function writeUntilKilled(path: string, writes: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.fixture.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let last = 0;
    let seen = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        last = Number(line);
        if (++seen === writes) child.kill('SIGKILL');
      }
    });
    child.on('error', reject).on('close', () => resolve(last));
  });
}
