/** A frame of a container's logs as Docker's daemon sends them: 1 is stdout, 2 stderr, 3 what the daemon itself has to say. */
export interface Frame {
  readonly stream: number;
  readonly text: Buffer;
}

export interface Line {
  readonly stream: 1 | 2;
  /** As Docker writes it: UTC, nine digits of a second. */
  readonly stamp: string;
  /** The same in milliseconds since the epoch. */
  readonly at: number;
  /** `key=value,…`, each part escaped; empty for none. */
  readonly details: string;
  /** With the end of the line, unless the line goes on in the next one. */
  readonly message: Buffer;
}

const headerBytes = 8;
/** Docker's log drivers cut lines at 16 KiB or some more. */
const longest = 2 ** 20;

/** Frames of a container without a TTY, as many at a time as came together. Throws for what is no such stream. */
export async function* framesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    while (rest.length - at >= headerBytes) {
      const end = at + headerBytes + rest.readUInt32BE(at + 4);
      if (end - at > longest) throw new Error('its Docker daemon sent no frames of a log');
      if (end > rest.length) break;
      frames.push({ stream: rest.readUInt8(at), text: rest.subarray(at + headerBytes, end) });
      at = end;
    }
    rest = rest.subarray(at);
    if (frames.length > 0) yield frames;
  }
  if (rest.length > 0) throw new Error('its Docker daemon broke off within a line');
}

/** The same of a container with a TTY, whose logs are bare lines. */
export async function* bareLinesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, at)) {
      frames.push({ stream: 1, text: rest.subarray(at, end + 1) });
      at = end + 1;
    }
    if (rest.length - at > longest) {
      frames.push({ stream: 1, text: rest.subarray(at) });
      at = rest.length;
    }
    rest = rest.subarray(at);
    if (frames.length > 0) yield frames;
  }
  if (rest.length > 0) yield [{ stream: 1, text: rest }];
}

/** Takes frames of one container apart that were asked for with timestamps, and with `details` or not. `clock` in ms. */
export function lineReader(details: boolean, clock: () => number): (frame: Frame) => Line {
  let last: Stamp | undefined;
  return ({ stream, text }) => {
    const source = stream === 1 ? 1 : 2;
    const end = text.indexOf(' ');
    const stamp = end > 0 ? readStamp(text.toString('latin1', 0, end)) : undefined;
    // The daemon's own words, and what follows in a line that was cut, have none.
    if (!stamp) return { stream: source, ...(last ?? stampOf(clock())), details: '', message: text };
    last = stamp;
    const detailsEnd = details ? text.indexOf(' ', end + 1) : end;
    return {
      stream: source,
      ...stamp,
      details: text.toString('utf8', end + 1, Math.max(detailsEnd, end + 1)),
      message: text.subarray(Math.max(detailsEnd, end) + 1),
    };
  };
}

interface Stamp {
  readonly stamp: string;
  readonly at: number;
}

const stampForm = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

function readStamp(text: string): Stamp | undefined {
  const [, time, digits = '', zone] = stampForm.exec(text) ?? [];
  const seconds = time ? Date.parse(`${time}${zone}`) : Number.NaN;
  if (Number.isNaN(seconds)) return undefined;
  const nanos = digits.padEnd(9, '0');
  // Some log drivers keep the host's own time zone.
  const utc = zone === 'Z' ? time : new Date(seconds).toISOString().slice(0, 19);
  return { stamp: `${utc}.${nanos}Z`, at: seconds + Number(nanos) / 1e6 };
}

export const stampOf = (now: number): Stamp => ({
  stamp: new Date(now).toISOString().replace('Z', '000000Z'),
  at: now,
});

/** The time just after a stamp, as the parameter `since` of Docker's API: seconds and nanoseconds since the epoch. */
export function justAfter(stamp: string): string {
  const nanos = Number(stamp.slice(20, 29)) + 1;
  const seconds = Date.parse(`${stamp.slice(0, 19)}Z`) / 1_000 + Math.floor(nanos / 1e9);
  return `${seconds}.${String(nanos % 1e9).padStart(9, '0')}`;
}

/** What people asked to see of each line. */
export interface Shown {
  readonly timestamps: boolean;
  readonly details: boolean;
  /** Without frames: what has a TTY. */
  readonly bare: boolean;
}

/** A line as Docker's API has it; `details` are those of its task, which stand in for the container's own of the same name. */
export function render({ stream, stamp, details, message }: Line, shown: Shown, own: Details): Buffer {
  const prefix = `${shown.timestamps ? `${stamp} ` : ''}${shown.details ? `${own.over(details)} ` : ''}`;
  const start = shown.bare ? 0 : headerBytes;
  const size = Buffer.byteLength(prefix);
  const whole = Buffer.allocUnsafe(start + size + message.length);
  if (!shown.bare) {
    whole.writeUInt32BE(stream * 2 ** 24, 0);
    whole.writeUInt32BE(size + message.length, 4);
  }
  whole.write(prefix, start);
  message.copy(whole, start + size);
  return whole;
}

/** What the docker command tells by whose line it is. */
export class Details {
  readonly #parts: ReadonlyMap<string, string>;
  readonly #alone: string;

  constructor(values: Readonly<Record<string, string>>) {
    this.#parts = new Map(
      Object.entries(values).map(([key, value]) => [escapeQuery(key), escapeQuery(value)]),
    );
    this.#alone = joined(this.#parts);
  }

  /** Together with others, `key=value,…` sorted by key. */
  over(others: string): string {
    if (others === '') return this.#alone;
    const pairs = others.split(',').map((part): [string, string] => {
      const [key = '', ...value] = part.split('=');
      return [key, value.join('=')];
    });
    return joined(new Map([...pairs, ...this.#parts]));
  }
}

const joined = (parts: ReadonlyMap<string, string>): string =>
  [...parts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** As Go's url.QueryEscape, by which Docker's client reads it back. */
const escapeQuery = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
