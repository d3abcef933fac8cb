import { decode, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from './answer.ts';
import { react, type Transport } from './react.ts';

const flagsOf = { recursionDesired: 0x100, version: 0x10000 };
const many = (count: number): Answer => ({
  kind: 'addresses',
  addresses: Array.from({ length: count }, (_, index) => 0x0a000000 + index),
  ttl: 1,
});

const query = (name: string, change: Packet = {}): Buffer =>
  encode({
    type: 'query',
    id: 4711,
    flags: flagsOf.recursionDesired,
    questions: [{ type: 'A', name }],
    ...change,
  });
const withOptions = (udpPayloadSize: number, extra: object = {}): Packet => ({
  additionals: [
    {
      type: 'OPT',
      name: '.',
      udpPayloadSize,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
      ...extra,
    },
  ],
});

function reply(packet: Buffer, answer: Answer, transport: Transport = 'udp') {
  const reaction = react(packet, transport, () => answer);
  if (reaction.kind !== 'reply') throw new Error(reaction.kind);
  return { bytes: reaction.packet, message: decode(reaction.packet) };
}

describe('answers', () => {
  it('repeat id and question as they were spelled', () => {
    const { message } = reply(query('wEb'), many(2));
    expect(message).toMatchObject({
      id: 4711,
      rcode: 'NOERROR',
      flag_aa: true,
      flag_rd: true,
      flag_ra: true,
      flag_tc: false,
      questions: [{ name: 'wEb', type: 'A', class: 'IN' }],
      answers: [
        { name: 'wEb', type: 'A', ttl: 1, data: '10.0.0.0' },
        { name: 'wEb', type: 'A', ttl: 1, data: '10.0.0.1' },
      ],
      additionals: [],
    });
  });

  it('ask the table for the name in lower case', () => {
    const asked: string[] = [];
    react(query('Tasks.wEb'), 'udp', (question) => {
      asked.push(`${question.name} ${question.type}`);
      return { kind: 'nodata' };
    });
    expect(asked).toEqual(['tasks.web 1']);
  });

  it('name an address', () => {
    const { message } = reply(
      query('1.1.1.10.in-addr.arpa', { questions: [{ type: 'PTR', name: '1.1.1.10.in-addr.arpa' }] }),
      {
        kind: 'pointer',
        name: `web.1.${'x'.repeat(70)}.front`,
        ttl: 1,
      },
    );
    expect(message.answers).toMatchObject([{ type: 'PTR', data: `web.1.${'x'.repeat(63)}.front` }]);
  });

  it.each([
    ['nodata', 'NOERROR'],
    ['nxdomain', 'NXDOMAIN'],
  ] as const)('%s comes with an SOA that limits how long it is kept', (kind, rcode) => {
    const { message } = reply(query('web', withOptions(1232)), { kind });
    expect(message).toMatchObject({
      rcode,
      answers: [],
      authorities: [{ name: '.', type: 'SOA', ttl: 1, data: { mname: 'ns.shoal', minimum: 1 } }],
      additionals: [{ type: 'OPT', udpPayloadSize: 1232 }],
    });
  });
});

describe('size', () => {
  it.each([
    ['no EDNS', {}, 30, 512],
    ['EDNS of 1,000', withOptions(1_000), 60, 1_000],
    ['EDNS of 65,000', withOptions(65_000), 75, 1_232],
    ['EDNS of 100', withOptions(100), 30, 512],
  ])('with %s, what fits is sent and marked as truncated', (_, options, fits, limit) => {
    const { bytes, message } = reply(query('web', options), many(100));
    expect(message.flag_tc).toBe(true);
    expect(message.answers).toHaveLength(fits);
    expect(bytes.length).toBeLessThanOrEqual(limit);
    expect(reply(query('web', options), many(fits)).message.flag_tc).toBe(false);
  });

  it('over TCP there is room for 4,000', () => {
    const { message } = reply(query('web'), many(4_000), 'tcp');
    expect(message).toMatchObject({ flag_tc: false });
    expect(message.answers).toHaveLength(4_000);
  });
});

describe('what is no plain question', () => {
  const header = (flags: number, counts = [1, 0, 0, 0]) =>
    Buffer.from(Uint16Array.of(1, flags, ...counts).map((word) => ((word & 255) << 8) | (word >> 8)).buffer);

  it('gets the error that says so', () => {
    expect(reply(header(0x2800), many(1)).message).toMatchObject({ rcode: 'NOTIMP', opcode: 'UPDATE' });
    expect(reply(header(0), many(1)).message).toMatchObject({ rcode: 'FORMERR' });
    expect(reply(header(0, [0, 0, 0, 0]), many(1)).message).toMatchObject({ rcode: 'FORMERR' });
    expect(reply(query('web', { questions: [] }), many(1)).message).toMatchObject({ rcode: 'FORMERR' });
    expect(
      reply(query('web', { questions: [{ type: 'A', name: 'web', class: 'CH' }] }), many(1)).message,
    ).toMatchObject({ rcode: 'REFUSED' });
    expect(reply(query('web'), { kind: 'refused' }).message).toMatchObject({
      rcode: 'REFUSED',
      questions: [{ name: 'web' }],
    });
    const newer = reply(query('web', withOptions(512, { ednsVersion: 1 })), many(1)).message;
    expect(newer).toMatchObject({
      additionals: [{ type: 'OPT', extendedRcode: 1, ednsVersion: 0 }],
      answers: [],
    });
  });

  it('refuses names that are too long, compressed or cut off', () => {
    const long = query(Array.from({ length: 5 }, () => 'a'.repeat(62)).join('.'));
    const compressed = Buffer.concat([header(0), Buffer.of(0xc0, 12, 0, 1, 0, 1)]);
    for (const packet of [long, compressed, query('web').subarray(0, -1)])
      expect(reply(packet, many(1)).message).toMatchObject({ rcode: 'FORMERR' });
    expect(
      reply(Buffer.concat([query('web', withOptions(512)).fill(2, 10, 12)]), many(1)).message,
    ).toMatchObject({ rcode: 'FORMERR' });
  });

  it('is never answered when it is an answer, or too short', () => {
    expect(react(reply(query('web'), many(1)).bytes, 'udp', () => many(1))).toEqual({ kind: 'drop' });
    expect(react(Buffer.alloc(11), 'udp', () => many(1))).toEqual({ kind: 'drop' });
  });
});

it('no bytes do harm, and every answer is a whole message', () => {
  const anAnswer = fc.oneof(
    fc.integer({ min: 1, max: 200 }).map(many),
    fc.constantFrom<Answer>(
      { kind: 'nodata' },
      { kind: 'nxdomain' },
      { kind: 'refused' },
      { kind: 'pointer', name: 'a.b', ttl: 1 },
    ),
  );
  const anyBytes = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
  const nearly = fc
    .tuple(
      fc.domain(),
      fc.boolean(),
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
      fc.nat(80),
    )
    .map(([name, options, changes, cut]) => {
      const packet = query(name, options ? withOptions(1232) : {});
      for (const [at, value] of changes) if (at < packet.length) packet[at] = value;
      return cut < 20 ? packet.subarray(0, packet.length - cut) : packet;
    });
  fc.assert(
    fc.property(fc.oneof(anyBytes, nearly), anAnswer, (packet, answer) => {
      const reaction = react(packet, 'udp', () => answer);
      if (reaction.kind !== 'reply') return;
      expect(reaction.packet.length).toBeLessThanOrEqual(1_232);
      expect(reaction.packet.subarray(0, 2)).toEqual(packet.subarray(0, 2));
      expect(decode(reaction.packet).flag_qr).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});
