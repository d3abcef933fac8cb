import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bareLinesOf, Details, type Frame, framesOf, justAfter, lineReader, render } from './lines.ts';

const clock = () => Date.UTC(2026, 0, 1);
const time = '2026-01-02T03:04:05.000000001Z';
const own = new Details({ 'com.docker.swarm.task.id': 't1', 'com.docker.swarm.node.id': 'n 1' });
const ids = 'com.docker.swarm.node.id=n+1,com.docker.swarm.task.id=t1';

async function* cut(whole: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of [...sizes, whole.length]) {
    yield whole.subarray(at, at + size);
    at += size;
  }
}
async function all(frames: AsyncIterable<Frame[]>): Promise<Frame[]> {
  const read: Frame[] = [];
  for await (const some of frames) read.push(...some);
  return read;
}
const framed = ({ stream, text }: { stream: number; text: Uint8Array }): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(text.length, 4);
  return Buffer.concat([header, text]);
};
const sizes = fc.array(fc.nat(20), { maxLength: 20 });

it('reads frames however they are cut', async () => {
  const frames = fc.array(
    fc.record({ stream: fc.constantFrom(1, 2), text: fc.uint8Array({ maxLength: 40 }) }),
  );
  await fc.assert(
    fc.asyncProperty(frames, sizes, async (given, at) => {
      const read = await all(framesOf(cut(Buffer.concat(given.map(framed)), at)));
      expect(read).toEqual(given.map(({ stream, text }) => ({ stream, text: Buffer.from(text) })));
    }),
  );
});

it('reads bare lines however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.stringMatching(/^[a-z\r]{0,9}$/)), sizes, async (given, at) => {
      const read = await all(bareLinesOf(cut(Buffer.from(given.map((text) => `${text}\n`).join('')), at)));
      expect(read.map(({ text }) => text.toString())).toEqual(given.map((text) => `${text}\n`));
    }),
  );
});

it('holds no endless frame or line', async () => {
  const huge = framed({ stream: 1, text: Buffer.alloc(8) });
  huge.writeUInt32BE(2 ** 31, 4);
  await expect(all(framesOf(cut(huge, [])))).rejects.toThrow('no frames of a log');
  await expect(all(framesOf(cut(huge.subarray(0, 5), [])))).rejects.toThrow('broke off within a line');
  const endless = await all(bareLinesOf(cut(Buffer.alloc(3 * 2 ** 20, 'x'), [2 ** 20 + 1])));
  expect(endless).toHaveLength(2);
});

it.each([
  [false, `${time} hello world\n`, { stamp: time, details: '', message: 'hello world\n' }],
  [true, `${time} tag=x hello world\n`, { stamp: time, details: 'tag=x', message: 'hello world\n' }],
  [true, `${time}  hello\n`, { stamp: time, details: '', message: 'hello\n' }],
  [false, `${time} \n`, { stamp: time, message: '\n' }],
  [false, '2026-01-02T05:04:05.5+02:00 x\n', { stamp: '2026-01-02T03:04:05.500000000Z', message: 'x\n' }],
  [
    false,
    'Error grabbing logs: EOF\n',
    { stamp: '2026-01-01T00:00:00.000000000Z', message: 'Error grabbing logs: EOF\n' },
  ],
])('takes a line apart (details: %s): %j', (details, text, expected) => {
  const { message, ...line } = lineReader(details, clock)({ stream: 2, text: Buffer.from(text) });
  expect({ ...line, message: message.toString() }).toMatchObject({ stream: 2, ...expected });
});

it('tells times apart by less than a microsecond, and takes what has none for part of the line before', () => {
  const read = lineReader(false, clock);
  const [a, b, c] = ['05.000001000Z x', '05.000002000Z x', 'rest'].map((end, i) =>
    read({ stream: 1, text: Buffer.from(i < 2 ? `2026-01-02T03:04:${end}` : end) }),
  );
  expect(a?.at).toBeLessThan(b?.at ?? 0);
  expect([c?.stamp, c?.message.toString()]).toEqual([b?.stamp, 'rest']);
});

it('knows the time just after a stamp', () => {
  const seconds = Date.UTC(2026, 0, 2, 3, 4, 5) / 1_000;
  expect(justAfter(time)).toBe(`${seconds}.000000002`);
  expect(justAfter('2026-01-02T03:04:05.999999999Z')).toBe(`${seconds + 1}.000000000`);
});

it('puts time and details before a line, within its frame, or bare', () => {
  const line = { stream: 2, stamp: time, at: 0, details: '', message: Buffer.from('héllo\n') } as const;
  const frame = render(line, { timestamps: true, details: true, bare: false }, own);
  const text = `${time} ${ids} héllo\n`;
  expect(frame).toEqual(framed({ stream: 2, text: Buffer.from(text) }));
  expect(render(line, { timestamps: true, details: true, bare: true }, own).toString()).toBe(text);
  expect(render(line, { timestamps: false, details: false, bare: true }, own).toString()).toBe('héllo\n');
});

it('sorts details, and tells whose line it is whatever the container says', () => {
  expect(own.over('')).toBe(ids);
  expect(own.over('z=1,a=b%3D,com.docker.swarm.task.id=forged')).toBe(`a=b%3D,${ids},z=1`);
  expect(new Details({ "it's (a)*": '!~ä' }).over('')).toBe('it%27s+%28a%29%2A=%21~%C3%A4');
});
