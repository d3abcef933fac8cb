import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TunnelFrame } from './gen/shoal/v1/agent.ts';
import { decodeFrame, encodeFrame } from './tunnel-frames.ts';

const data = fc
  .oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 0, max: 70_000 }).map((n) => new Uint8Array(n).fill(7)),
  )
  .map((bytes) => ({ body: { $case: 'data' as const, value: Buffer.from(bytes) } }));
const others = fc.constantFrom<TunnelFrame>(
  {},
  { body: { $case: 'end', value: {} } },
  { body: { $case: 'hello', value: { id: 'a' } } },
  { body: { $case: 'head', value: { status: 200, headers: { a: 'b' } } } },
  { body: { $case: 'error', value: { status: 503, message: 'no' } } },
);

it('is the same on the wire as what is generated, both ways', () => {
  fc.assert(
    fc.property(fc.oneof(data, others), (frame) => {
      const bytes = Buffer.from(TunnelFrame.encode(frame).finish());
      expect(encodeFrame(frame).equals(bytes)).toBe(true);
      expect(decodeFrame(bytes)).toEqual(TunnelFrame.decode(bytes));
    }),
  );
});

it('takes whatever comes as what is generated takes it', () => {
  const tried = (decode: (bytes: Buffer) => TunnelFrame, bytes: Buffer) => {
    try {
      return decode(bytes);
    } catch {
      return 'refused';
    }
  };
  const looksLikeData = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from([0x1a, ...bytes]));
  fc.assert(
    fc.property(looksLikeData, (bytes) => {
      expect(tried(decodeFrame, bytes)).toEqual(tried(TunnelFrame.decode, bytes));
    }),
    { numRuns: 2_000 },
  );
});
