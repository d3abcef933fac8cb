import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { BackupError } from './error.ts';

/*
 * What may be longer than memory, encrypted with AES-256-GCM in chunks: of each the length with a mark for the last one, then
 * the text and its tag. A chunk's nonce says its number and whether it is the last, so that none can be left out, moved, put
 * in, or cut off at the end (STREAM, https://eprint.iacr.org/2015/189, section 7). The key must have been used for nothing else.
 */

const cipher = 'aes-256-gcm';
const chunkBytes = 64 * 1024;
const tagBytes = 16;
const lengthBytes = 4;
const lastMark = 0x8000_0000;

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 7);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

/** Encrypts what is written to it; `header` is bound to every chunk. */
export function sealingChunks(key: Uint8Array, header: Uint8Array): Transform {
  let number = 0;
  let held = Buffer.alloc(0);
  const sealed = (plain: Buffer, isLast: boolean): Buffer => {
    const seal = createCipheriv(cipher, key, nonceOf(number++, isLast)).setAAD(header);
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE((plain.length + (isLast ? lastMark : 0)) >>> 0);
    return Buffer.concat([length, seal.update(plain), seal.final(), seal.getAuthTag()]);
  };
  return new Transform({
    transform(plain: Buffer, _encoding, done) {
      held = Buffer.concat([held, plain]);
      for (; held.length > chunkBytes; held = held.subarray(chunkBytes))
        this.push(sealed(held.subarray(0, chunkBytes), false));
      done();
    },
    flush(done) {
      this.push(sealed(held, true));
      done();
    },
  });
}

/**
 * The text of what `sealingChunks` wrote, from where the file is read to its end. Throws a BackupError at the first chunk that is
 * not as it was written; what came before it was. Only when it has come to its end nothing is missing.
 */
export async function* openedChunks(
  file: FileHandle,
  key: Uint8Array,
  header: Uint8Array,
): AsyncGenerator<Buffer> {
  for (let number = 0, isLast = false; !isLast; number++) {
    const mark = (await readWhole(file, lengthBytes)).readUInt32BE();
    isLast = mark >= lastMark;
    const length = mark % lastMark;
    if (length > chunkBytes) throw damaged();
    const sealed = await readWhole(file, length + tagBytes);
    const open = createDecipheriv(cipher, key, nonceOf(number, isLast), { authTagLength: tagBytes });
    open.setAAD(header).setAuthTag(sealed.subarray(length));
    const text = open.update(sealed.subarray(0, length));
    try {
      open.final();
    } catch {
      throw damaged();
    }
    yield text;
  }
  if ((await file.read(Buffer.alloc(1))).bytesRead > 0) throw damaged();
}

const damaged = () => new BackupError('it was changed or damaged since it was made');

/** Throws a BackupError when the file ends before. */
export async function readWhole(file: FileHandle, bytes: number): Promise<Buffer> {
  const whole = Buffer.alloc(bytes);
  for (let have = 0; have < bytes; ) {
    const { bytesRead } = await file.read(whole, have, bytes - have);
    if (bytesRead === 0) throw new BackupError('it is not whole: its end is missing');
    have += bytesRead;
  }
  return whole;
}
