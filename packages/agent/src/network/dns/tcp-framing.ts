/** DNS over TCP puts the message's length in two bytes before it (RFC 1035, 4.2.2). */

const prefix = 2;

export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(prefix + message.length);
  framed.writeUInt16BE(message.length);
  message.copy(framed, prefix);
  return framed;
}

/** Cuts a stream into messages. Holds at most one message of at most 64 KiB and one chunk. */
export class Unframer {
  readonly #onMessage: (message: Buffer) => void;
  #chunks: Buffer[] = [];
  #held = 0;
  #wanted = prefix;

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return;
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let end = endOfMessage(bytes);
    while (end !== undefined && bytes.length >= end) {
      this.#onMessage(bytes.subarray(prefix, end));
      bytes = bytes.subarray(end);
      end = endOfMessage(bytes);
    }
    this.#chunks = bytes.length > 0 ? [bytes] : [];
    this.#held = bytes.length;
    this.#wanted = end ?? prefix;
  }
}

const endOfMessage = (bytes: Buffer): number | undefined =>
  bytes.length < prefix ? undefined : prefix + bytes.readUInt16BE(0);
