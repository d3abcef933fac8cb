import { makeGenericClientConstructor } from '@grpc/grpc-js';
import {
  TunnelsClient as GeneratedClient,
  TunnelsService as GeneratedService,
  TunnelFrame,
} from './gen/shoal/v1/agent.ts';

/** Of field 3, `data`: bytes with their length before them. */
const dataTag = (3 << 3) | 2;

/** As TunnelFrame.encode, which would copy the bytes of a frame three times. */
export function encodeFrame(frame: TunnelFrame): Buffer {
  if (frame.body?.$case !== 'data') return Buffer.from(TunnelFrame.encode(frame).finish());
  const { value } = frame.body;
  const bytes = Buffer.allocUnsafe(1 + varintLength(value.length) + value.length);
  bytes[0] = dataTag;
  let at = 1;
  let rest = value.length;
  for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
  bytes[at++] = rest;
  bytes.set(value, at);
  return bytes;
}

/** As TunnelFrame.decode; the data is part of what came, not a copy of it. */
export function decodeFrame(bytes: Buffer): TunnelFrame {
  if (bytes[0] !== dataTag) return TunnelFrame.decode(bytes);
  let length = 0;
  let at = 1;
  let last: number;
  do {
    last = bytes[at] ?? 0;
    length += (last & 127) * 2 ** (7 * (at - 1));
    at++;
  } while (last > 127 && at < 6);
  // Whatever else a frame may hold is no matter for a shortcut.
  if (at + length !== bytes.length) return TunnelFrame.decode(bytes);
  return { body: { $case: 'data', value: bytes.subarray(at) } };
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 127; rest >>>= 7) length++;
  return length;
}

export const TunnelsService = {
  open: {
    ...GeneratedService.open,
    requestSerialize: encodeFrame,
    requestDeserialize: decodeFrame,
    responseSerialize: encodeFrame,
    responseDeserialize: decodeFrame,
  },
} as const;

export const TunnelsClient = makeGenericClientConstructor(
  TunnelsService,
  GeneratedClient.serviceName,
) as unknown as typeof GeneratedClient;
export type TunnelsClient = GeneratedClient;
