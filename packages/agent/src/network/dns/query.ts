/** Reading DNS queries (RFC 1035, EDNS0 of RFC 6891): only what is needed to answer or to pass them on. */

export const recordType = { A: 1, SOA: 6, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const recordClass = { IN: 1, ANY: 255 } as const;
export const responseCode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

export const headerLength = 12;
/** Bits of the header's second 16-bit word. */
export const flag = { response: 0x8000, authoritative: 0x400, truncated: 0x200, recursionDesired: 0x100 };
export const recursionAvailable = 0x80;
export const checkingDisabled = 0x10;
const opcodeMask = 0x7800;
export const longestName = 255;
export const longestLabel = 63;

export interface Query {
  /** The whole message, as it came. */
  readonly packet: Buffer;
  readonly flags: number;
  /** In lower case, without the final dot; a dot or backslash inside a label is escaped by a backslash. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Offset of the first byte behind the question. */
  readonly questionEnd: number;
  readonly edns: { readonly udpSize: number; readonly version: number } | undefined;
}

export type ParsedQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** Worth an answer with this response code, and without a question. */
  | { readonly kind: 'reject'; readonly packet: Buffer; readonly code: number }
  /** Not a query at all: answering could make two servers talk for ever. */
  | { readonly kind: 'drop' };

export function parseQuery(packet: Buffer): ParsedQuery {
  if (packet.length < headerLength) return { kind: 'drop' };
  const flags = packet.readUInt16BE(2);
  if (flags & flag.response) return { kind: 'drop' };
  if (flags & opcodeMask) return { kind: 'reject', packet, code: responseCode.notImplemented };
  const query = packet.readUInt16BE(4) === 1 ? readBody(packet, flags) : undefined;
  return query ? { kind: 'query', query } : { kind: 'reject', packet, code: responseCode.formatError };
}

function readBody(packet: Buffer, flags: number): Query | undefined {
  const nameEnd = endOfName(packet, headerLength, false);
  if (nameEnd === undefined || nameEnd + 4 > packet.length) return undefined;
  const questionEnd = nameEnd + 4;
  const options = findOptions(packet, questionEnd);
  if (options === 'malformed') return undefined;
  return {
    packet,
    flags,
    name: readName(packet, headerLength),
    type: packet.readUInt16BE(nameEnd),
    class: packet.readUInt16BE(nameEnd + 2),
    questionEnd,
    edns: options,
  };
}

/** Offset behind a name; undefined if it does not end properly. A pointer, where allowed, ends a name. */
export function endOfName(packet: Buffer, start: number, pointers: boolean): number | undefined {
  let at = start;
  while (at < packet.length) {
    const length = packet[at] ?? 0;
    if (length === 0) return at + 1 - start > longestName ? undefined : at + 1;
    if (length > longestLabel)
      return pointers && length >= 0xc0 && at + 2 <= packet.length ? at + 2 : undefined;
    at += length + 1;
  }
  return undefined;
}

function readName(packet: Buffer, start: number): string {
  let name = '';
  for (let at = start, length = packet[at] ?? 0; length > 0; length = packet[at] ?? 0) {
    const label = packet.toString('latin1', at + 1, at + 1 + length);
    name += (at === start ? '' : '.') + (/[.\\]/.test(label) ? label.replace(/[.\\]/g, '\\$&') : label);
    at += length + 1;
  }
  return name.toLowerCase();
}

/** The OPT pseudo-record; more than one is an error (RFC 6891, 6.1.1). */
function findOptions(packet: Buffer, start: number): Query['edns'] | 'malformed' {
  const records = packet.readUInt16BE(6) + packet.readUInt16BE(8) + packet.readUInt16BE(10);
  let at = start;
  let found: Query['edns'];
  for (let index = 0; index < records; index++) {
    const nameEnd = endOfName(packet, at, true);
    if (nameEnd === undefined || nameEnd + 10 > packet.length) return 'malformed';
    if (packet.readUInt16BE(nameEnd) === recordType.OPT) {
      if (found || nameEnd !== at + 1) return 'malformed';
      found = { udpSize: packet.readUInt16BE(nameEnd + 2), version: packet[nameEnd + 5] ?? 0 };
    }
    at = nameEnd + 10 + packet.readUInt16BE(nameEnd + 8);
    if (at > packet.length) return 'malformed';
  }
  return found;
}
