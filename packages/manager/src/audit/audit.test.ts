import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { AuditLog, type Disk } from './audit-log.ts';
import { type Entry, flaw, type Head, link, start } from './chain.ts';

const quiet = pino({ level: 'silent' });
const folder = mkdtempSync(join(tmpdir(), 'shoal-audit-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entry = (path: string): Entry => ({
  at: '2026-01-01T00:00:00.000Z',
  user: 'ann',
  role: 'admin',
  via: 'certificate',
  from: '10.0.0.7',
  method: 'POST',
  path,
  status: 200,
});
const files = () => readdirSync(folder).toSorted();
const read = (file: string) => readFileSync(join(folder, file), 'utf8');
const filled = async (count: number, bounds = { fileBytes: 1e6, files: 4 }) => {
  const log = await AuditLog.open(folder, { log: quiet, bounds });
  await Promise.all(Array.from({ length: count }, (_, i) => log.append(entry(`/${i + 1}`))));
  return log;
};

describe('the audit', () => {
  it('keeps what was written, in order, and goes on with it after a restart', async () => {
    await filled(3);
    const log = await filled(2);
    const records = await log.tail(4);
    expect(records.map(({ number, path }) => [number, path])).toEqual([
      [2, '/2'],
      [3, '/3'],
      [4, '/1'],
      [5, '/2'],
    ]);
    expect(await log.verify()).toMatchObject({
      ok: true,
      records: 5,
      first: 1,
      head: { number: 5 },
      flaws: [],
    });
    expect(statSync(join(folder, files()[0] ?? '')).mode & 0o777).toBe(0o600);
  });

  it('drops the oldest file when there are too many, and what is left still holds', async () => {
    const log = await filled(100, { fileBytes: 1_000, files: 3 });
    expect(files()).toHaveLength(3);
    const verdict = await log.verify();
    expect(verdict).toMatchObject({ ok: true, head: { number: 100 } });
    expect(verdict.first).toBeGreaterThan(80);
    expect((await log.tail(5)).map(({ number }) => number)).toEqual([96, 97, 98, 99, 100]);
  });

  it('forgets half a record, which a crash left, and nothing else, and says so', async () => {
    await filled(2);
    const [file = ''] = files();
    const whole = read(file);
    const said: string[] = [];
    const speaking = pino({ base: null }, { write: (line) => said.push(JSON.parse(line).bytes) });
    // The last one is longer than what is read at a time.
    for (const half of ['{', whole.trimEnd().split('\n')[1] ?? '', 'x'.repeat(200_000)]) {
      writeFileSync(join(folder, file), whole + half);
      expect(await (await AuditLog.open(folder, { log: speaking })).verify()).toMatchObject({
        ok: true,
        records: 2,
      });
      expect([read(file), said.pop()]).toEqual([whole, half.length]);
    }
    expect(said).toEqual([]);
    const log = await AuditLog.open(folder, { log: quiet });
    await log.append(entry('/more'));
    expect(await log.verify()).toMatchObject({ ok: true, records: 3 });
  });

  it('half a record that could not be cut off at once is cut off before the next one, and shows nowhere meanwhile', async () => {
    const fails = { append: false, cut: false };
    const once = (what: keyof typeof fails) => {
      const now = fails[what];
      fails[what] = false;
      return now;
    };
    const disk: Disk = {
      append: async (path, text) => {
        const isHalf = once('append');
        // All but the end of the line: it could be taken for a record.
        appendFileSync(path, isHalf ? text.trimEnd() : text);
        if (isHalf) throw new Error('ENOSPC');
      },
      cut: async (path, bytes) => {
        if (once('cut')) throw new Error('EIO');
        truncateSync(path, bytes);
      },
    };
    const text = () => read(files()[0] ?? '');
    const audit = await AuditLog.open(folder, { log: quiet, disk });
    await audit.append(entry('/1'));
    const whole = text();
    fails.append = fails.cut = true;
    await expect(audit.append(entry('/lost'))).rejects.toThrow('ENOSPC');
    expect(text().length).toBeGreaterThan(whole.length);
    expect(await audit.verify()).toMatchObject({ ok: true, records: 1 });
    expect((await audit.tail(5)).map(({ path }) => path)).toEqual(['/1']);

    // As long as it can't be cut off, nothing is written behind it.
    fails.cut = true;
    await expect(audit.append(entry('/refused'))).rejects.toThrow('EIO');
    await audit.append(entry('/2'));
    expect(await audit.verify()).toMatchObject({ ok: true, records: 2, head: { number: 2 } });
    expect((await audit.tail(5)).map(({ path }) => path)).toEqual(['/1', '/2']);
    expect(text().startsWith(whole)).toBe(true);
  });

  it('goes on where a file was begun and not written to', async () => {
    await filled(2);
    writeFileSync(join(folder, 'audit-000000000003.jsonl'), '');
    const log = await AuditLog.open(folder, { log: quiet });
    await log.append(entry('/3'));
    expect(await log.verify()).toMatchObject({ ok: true, records: 3, head: { number: 3 } });
  });

  it('says what was changed, taken out, put in or cut off', async () => {
    const log = await filled(4);
    const [file = ''] = files();
    const whole = read(file);
    const lines = whole.trimEnd().split('\n');
    const flaws = async (changed: readonly string[]) => {
      writeFileSync(join(folder, file), changed.map((line) => `${line}\n`).join(''));
      return (await log.verify()).flaws;
    };
    const [a = '', b = '', c = '', d = ''] = lines;
    expect(await flaws(lines)).toEqual([]);
    expect(await flaws([a, b.replace('"ann"', '"eve"'), c, d])).toEqual(['record 2 was changed']);
    expect(await flaws([a, c, d])).toEqual(['record 3 follows record 1']);
    expect(await flaws([a, c, b, d])).not.toEqual([]);
    expect(await flaws([a, b, 'nonsense', c, d])).toEqual(['what follows record 2 is none']);
    expect(await flaws([a, b, c])).toEqual([
      'record 4, which was the last to be written, is not the last that is there',
    ]);
    // One who can count, but began earlier than the record after it.
    const forged = JSON.stringify(link({ number: 1, hash: JSON.parse(a).hash }, entry('/forged')));
    expect(await flaws([a, forged, c, d])).toEqual(['record 2, before record 3, was another one']);
    rmSync(join(folder, file));
    expect((await log.verify()).ok).toBe(false);
  });

  it('holds also while more is written', async () => {
    const log = await filled(200);
    let goOn = true;
    const writing = (async () => {
      while (goOn) await log.append(entry('/more'));
    })();
    const flaws: string[] = [];
    for (let i = 0; i < 20; i++) flaws.push(...(await log.verify()).flaws);
    goOn = false;
    await writing;
    expect(flaws).toEqual([]);
  });

  it('says what was put in after the last record', async () => {
    const log = await filled(2);
    const [file = ''] = files();
    const last = JSON.parse(read(file).trimEnd().split('\n')[1] ?? '');
    appendFileSync(join(folder, file), `${JSON.stringify(link(last, entry('/forged')))}\n`);
    expect((await log.verify()).flaws).toEqual([
      'record 2, which was the last to be written, is not the last that is there',
    ]);
  });

  it('takes a record only whole, and goes on when there is room again', async () => {
    const log = await filled(1);
    rmSync(folder, { recursive: true });
    await expect(log.append(entry('/lost'))).rejects.toThrow(/ENOENT/);
  });
});

it('any change to any field of any record is found', () => {
  const anEntry = fc.record({
    ...Object.fromEntries(Object.keys(entry('')).map((key) => [key, fc.string()])),
    status: fc.nat(599),
  }) as fc.Arbitrary<Entry>;
  fc.assert(
    fc.property(
      fc.array(anEntry, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.string(),
      (entries, pick, other) => {
        let head: Head = start;
        const records = entries.map((each) => {
          const record = link(head, each);
          expect(flaw(head, record)).toBeUndefined();
          head = record;
          return record;
        });
        const record = records[pick % records.length];
        if (!record) return;
        const keys = Object.keys(record) as (keyof typeof record)[];
        const key = keys[pick % keys.length] ?? 'user';
        fc.pre(record[key] !== other);
        expect(flaw(undefined, { ...record, [key]: other })).toBe(
          `record ${key === 'number' ? other : record.number} was changed`,
        );
      },
    ),
  );
});
