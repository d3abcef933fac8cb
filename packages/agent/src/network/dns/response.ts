import {
  checkingDisabled,
  flag,
  headerLength,
  longestLabel,
  longestName,
  type Query,
  recordClass,
  recordType,
  recursionAvailable,
  responseCode,
} from './query.ts';

/**
 * Writing answers. The question is copied byte by byte, so the asker finds its own spelling again (clients
 * that mix upper and lower case against forgery compare it), and every record refers to it by a pointer:
 * 16 bytes an address, which lets 30 of them fit where full names would leave room for half as many.
 */

/** Everything but addresses: at most one record, from a name or the negative answer's SOA. */
export interface Response {
  readonly code: number;
  /** Of the records, and for how long a negative answer may be kept; seconds. */
  readonly ttl: number;
  /** IPv4 addresses as numbers. */
  readonly addresses?: readonly number[];
  /** What a PTR record says; without the final dot. */
  readonly pointsTo?: string;
}

/** Bytes that a UDP answer may have on any path without fragments (the DNS flag day's figure). */
export const largestUdpAnswer = 1_232;
export const largestTcpAnswer = 65_535;
const smallestLimit = 512;
const optionsLength = 11;
const recordHead = 12;
const addressRecord = recordHead + 4;
const pointerToQuestion = 0xc000 + headerLength;

/** How long a UDP answer to this query may be. */
export const udpLimit = ({ edns }: Query): number =>
  Math.max(smallestLimit, Math.min(edns?.udpSize ?? smallestLimit, largestUdpAnswer));

/** The answer of an authority. What does not fit `limit` is left out, and the answer marked as truncated. */
export function writeResponse(query: Query, response: Response, limit: number): Buffer {
  const tail = query.edns ? optionsLength : 0;
  const room = limit - query.questionEnd - tail;
  const addresses = response.addresses ?? [];
  const count = Math.min(addresses.length, Math.floor(room / addressRecord));
  const rest = restOf(response);
  const truncated = count < addresses.length || rest.bytes.length > room;
  const body = truncated ? none : rest;
  const length = query.questionEnd + count * addressRecord + body.bytes.length + tail;
  const packet = Buffer.allocUnsafe(length);
  query.packet.copy(packet, 0, 0, query.questionEnd);
  const flags = flag.authoritative | (truncated ? flag.truncated : 0);
  writeHeader(packet, query.flags, flags | (response.code & 0xf));
  writeCounts(packet, [1, count + body.answers, body.authorities, query.edns ? 1 : 0]);
  let at = query.questionEnd;
  for (let index = 0; index < count; index++)
    at = writeAddress(packet, at, addresses[index] ?? 0, response.ttl);
  body.bytes.copy(packet, at);
  if (query.edns) writeOptions(packet, length - optionsLength, response.code >> 4);
  return packet;
}

/** An answer that says only that something is wrong, with the question where there was one. */
export function writeError(packet: Buffer, code: number, query?: Query): Buffer {
  const questionEnd = query?.questionEnd ?? headerLength;
  const answer = Buffer.alloc(questionEnd + (query?.edns ? optionsLength : 0));
  packet.copy(answer, 0, 0, questionEnd);
  writeHeader(answer, packet.readUInt16BE(2), code & 0xf);
  writeCounts(answer, [query ? 1 : 0, 0, 0, query?.edns ? 1 : 0]);
  if (query?.edns) writeOptions(answer, questionEnd, code >> 4);
  return answer;
}

function writeHeader(packet: Buffer, asked: number, flags: number): void {
  const kept = asked & (0x7800 | flag.recursionDesired | checkingDisabled);
  packet.writeUInt16BE(flag.response | recursionAvailable | kept | flags, 2);
}

function writeCounts(packet: Buffer, counts: readonly [number, number, number, number]): void {
  for (const [index, count] of counts.entries()) packet.writeUInt16BE(count, 4 + index * 2);
}

function writeAddress(packet: Buffer, at: number, address: number, ttl: number): number {
  packet.writeUInt16BE(pointerToQuestion, at);
  packet.writeUInt16BE(recordType.A, at + 2);
  packet.writeUInt16BE(recordClass.IN, at + 4);
  packet.writeUInt32BE(ttl, at + 6);
  packet.writeUInt16BE(4, at + 10);
  packet.writeUInt32BE(address, at + 12);
  return at + addressRecord;
}

function writeOptions(packet: Buffer, at: number, extendedCode: number): void {
  packet.fill(0, at, at + optionsLength);
  packet.writeUInt16BE(recordType.OPT, at + 1);
  packet.writeUInt16BE(largestUdpAnswer, at + 3);
  packet[at + 5] = extendedCode;
}

interface Rest {
  readonly bytes: Buffer;
  readonly answers: number;
  readonly authorities: number;
}

const none: Rest = { bytes: Buffer.alloc(0), answers: 0, authorities: 0 };
const soaByTtl = new Map<number, Rest>();

function restOf({ pointsTo, addresses = [], code, ttl }: Response): Rest {
  if (pointsTo !== undefined) {
    const target = encodeName(pointsTo);
    const head = writeRecordHead(Buffer.alloc(recordHead), recordType.PTR, ttl, target.length);
    return { bytes: Buffer.concat([head, target]), answers: 1, authorities: 0 };
  }
  if (addresses.length > 0 || (code !== responseCode.noError && code !== responseCode.nameError)) return none;
  const soa = soaByTtl.get(ttl) ?? writeSoa(ttl);
  soaByTtl.set(ttl, soa);
  return soa;
}

/** Without an SOA a negative answer must not be cached (RFC 2308); the root as owner fits any name. */
function writeSoa(ttl: number): Rest {
  const names = Buffer.concat([encodeName('ns.shoal'), encodeName('hostmaster.shoal')]);
  const numbers = Buffer.alloc(20);
  for (const [index, value] of [1, 3_600, 600, 86_400, ttl].entries())
    numbers.writeUInt32BE(value, index * 4);
  const data = Buffer.concat([names, numbers]);
  const root = writeRecordHead(Buffer.alloc(recordHead), recordType.SOA, ttl, data.length).subarray(1);
  root[0] = 0;
  return { bytes: Buffer.concat([root, data]), answers: 0, authorities: 1 };
}

function writeRecordHead(head: Buffer, type: number, ttl: number, length: number): Buffer {
  head.writeUInt16BE(pointerToQuestion, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(recordClass.IN, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(length, 10);
  return head;
}

/** What is longer than DNS allows is cut: a name that is nearly right beats none in a PTR answer. */
function encodeName(name: string): Buffer {
  const encoded = [];
  let length = 1;
  for (const label of name.split('.').filter(Boolean)) {
    const bytes = Buffer.from(label).subarray(0, longestLabel);
    length += bytes.length + 1;
    if (length > longestName) break;
    encoded.push(Buffer.of(bytes.length), bytes);
  }
  return Buffer.concat([...encoded, Buffer.of(0)]);
}
