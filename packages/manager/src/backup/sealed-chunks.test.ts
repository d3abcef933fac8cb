import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { BackupError } from './error.ts';
import { openedChunks, sealingChunks } from './sealed-chunks.ts';

const folder = mkdtempSync(join(tmpdir(), 'shoal-chunks-'));
afterAll(() => rmSync(folder, { recursive: true }));

const key = randomBytes(32);
const header = Buffer.from('header');
const seal = (parts: readonly Buffer[]): Promise<Buffer> =>
  buffer(Readable.from(parts).pipe(sealingChunks(key, header)));

async function opened(sealed: Buffer, by = key, bound = header): Promise<Buffer> {
  const path = join(folder, 'sealed');
  writeFileSync(path, sealed);
  const file = await open(path);
  try {
    return await buffer(Readable.from(openedChunks(file, by, bound)));
  } finally {
    await file.close();
  }
}

/** Around the length of a chunk, where something may go wrong. */
const aText = fc
  .array(fc.constantFrom(0, 1, 1_000, 65_535, 65_536, 65_537, 131_072), { maxLength: 4 })
  .map((lengths) => lengths.map((length) => randomBytes(length)));

it('what was sealed opens, however it was cut into pieces', () =>
  fc.assert(
    fc.asyncProperty(aText, async (parts) => {
      expect((await opened(await seal(parts))).equals(Buffer.concat(parts))).toBe(true);
    }),
    { numRuns: 30 },
  ));

it('nothing opens that was changed, cut off or added to', () =>
  fc.assert(
    fc.asyncProperty(
      aText,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      async (parts, at) => {
        const sealed = await seal(parts);
        const place = Math.floor(at * sealed.length);
        const changed = Buffer.from(sealed);
        changed.writeUInt8(changed.readUInt8(place) ^ (1 + (place % 255)), place);
        for (const other of [changed, sealed.subarray(0, place), Buffer.concat([sealed, Buffer.alloc(1)])])
          await expect(opened(other)).rejects.toThrow(BackupError);
      },
    ),
    { numRuns: 40 },
  ));

it('chunks can not change places, and belong to their key and header', async () => {
  const sealed = await seal([Buffer.alloc(65_536, 'a'), Buffer.alloc(65_536, 'b'), Buffer.alloc(1, 'c')]);
  const whole = 4 + 65_536 + 16;
  const [a, b, c] = [
    sealed.subarray(0, whole),
    sealed.subarray(whole, 2 * whole),
    sealed.subarray(2 * whole),
  ];
  for (const parts of [
    [b, a, c],
    [a, c],
    [a, a, b, c],
    [a, b],
  ])
    await expect(opened(Buffer.concat(parts))).rejects.toThrow(BackupError);
  await expect(opened(sealed, randomBytes(32))).rejects.toThrow(BackupError);
  await expect(opened(sealed, key, Buffer.from('another'))).rejects.toThrow(BackupError);
});
