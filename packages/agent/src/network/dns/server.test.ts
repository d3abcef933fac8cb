import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import type { NetworkState } from '../state/state.ts';
import { exchange } from './exchange.ts';
import { DnsServer, type DnsServerOptions, gatewaysOf } from './server.ts';
import { aNetwork, anEndpoint, aServiceOn, aState } from './testing.ts';

/** Askers have addresses of the network they ask from: here loopback addresses stand for containers. */
const front = aNetwork('front', 1, { subnets: ['127.77.1.0/24'], slices: ['127.77.1.0/24'] });
const back = aNetwork('back', 2, { subnets: ['127.77.2.0/24'], slices: ['127.77.2.0/24'] });
const web = aServiceOn('web', [front], {
  endpoints: [anEndpoint('web.1', [front], 11), anEndpoint('web.2', [front], 12)],
});
const secret = aServiceOn('secret', [back]);
const state = aState([front, back], [web, secret]);
const both = {
  ...anEndpoint('both.1', [], 1),
  addresses: { [front.id]: '127.77.1.9', [back.id]: '127.77.2.9' },
};

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.77.1.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

async function start(
  change: Partial<DnsServerOptions> = {},
  from: Pick<NetworkState, 'networks' | 'services'> = state,
) {
  const port = await freePort();
  const lines: string[] = [];
  const warnings: number[] = [];
  const note = (fields: object, message: string) => lines.push(`${message} ${JSON.stringify(fields)}`);
  const server = new DnsServer({
    random: Math.random,
    clock: Date.now,
    log: { debug: note, info: note, warn: (...said) => warnings.push(note(...said)) },
    upstreams: () => [],
    port,
    ...change,
  });
  open.push(server);
  server.update(from);
  await server.listenOn(gatewaysOf(from));
  return { server, port, lines, warnings };
}

const query = (name: string, change: Packet = {}): Buffer =>
  encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type: 'A', name }], ...change });

/** Asks the gateway of `front` or `back` from an address. */
async function ask(port: number, name: string, source = '127.77.1.5', gateway = '127.77.1.1') {
  const socket = createSocket('udp4').bind(0, source);
  try {
    await once(socket, 'listening');
    socket.send(query(name), port, gateway);
    const [message] = await once(socket, 'message', { signal: AbortSignal.timeout(3_000) });
    return brief(decode(message));
  } finally {
    socket.close();
  }
}

/** Sends the chunks one by one over TCP; resolves to `count` answers, as they come. */
async function askTcp(port: number, chunks: readonly Buffer[], count: number): Promise<Packet[]> {
  const socket = connect({ host: '127.77.1.1', port, localAddress: '127.77.1.5', noDelay: true });
  open.push({ close: () => socket.destroy() });
  for (const chunk of chunks) socket.write(chunk);
  const answers: Packet[] = [];
  let bytes = Buffer.alloc(0);
  while (answers.length < count) {
    bytes = Buffer.concat([bytes, (await once(socket, 'data'))[0]]);
    for (let end = 0; bytes.length > 2; bytes = bytes.subarray(end)) {
      end = bytes.readUInt16BE(0) + 2;
      if (bytes.length < end) break;
      answers.push(streamDecode(bytes));
    }
  }
  return answers;
}

const framed = (name: string, id = 7): Buffer =>
  streamEncode({ type: 'query', id, questions: [{ type: 'A', name }] });

const brief = (message: object) => {
  const { rcode, answers } = message as { rcode: string; answers: { data: string }[] };
  return answers.length > 0 ? answers.map(({ data }) => data).sort() : rcode;
};

/** A resolver on a port of its own that says what `answer` says, over UDP and TCP; undefined for silence. */
async function anUpstream(answer: (packet: Buffer) => Buffer | undefined, address = '127.77.9.1') {
  const seen: string[] = [];
  const serve = (packet: Buffer) => {
    seen.push(decode(packet).questions?.[0]?.name ?? '');
    return answer(packet);
  };
  const udp = createSocket('udp4').bind(0, address);
  await once(udp, 'listening');
  const { port } = udp.address();
  udp.on('message', (packet, from) => {
    const given = serve(packet);
    if (given) udp.send(given, from.port, from.address);
  });
  const tcp = createServer((socket) =>
    socket.on('data', (chunk: Buffer) => {
      const given = serve(chunk.subarray(2));
      if (given) socket.end(Buffer.concat([Buffer.of(given.length >> 8, given.length & 255), given]));
    }),
  ).listen(port, address);
  open.push({ close: () => udp.close() }, tcp);
  return { address, port, seen };
}

const says = (data: string) => (packet: Buffer) => {
  const { id, questions } = decode(packet);
  const [question] = questions ?? [];
  return encode({
    type: 'response',
    id: id ?? 0,
    questions: questions ?? [],
    answers: [{ type: 'A', name: question?.name ?? '', data }],
  });
};
const fails = (code: number) => (packet: Buffer) => {
  const answer = Buffer.from(packet);
  answer.writeUInt16BE(0x8180 | code, 2);
  return answer;
};

describe('askers', () => {
  it('see the names of their networks, by their own address', async () => {
    const { port } = await start();
    expect(await ask(port, 'web')).toEqual(['10.1.255.1']);
    expect(await ask(port, 'tasks.web')).toEqual(['10.1.1.11', '10.1.1.12']);
    expect(await ask(port, 'secret.back', '127.77.2.5', '127.77.2.1')).toEqual(['10.2.255.1']);
    // Through the gateway of a network it is not on, as a container can.
    expect(await ask(port, 'secret', '127.77.1.5', '127.77.2.1')).toBe('SERVFAIL');
    expect(await ask(port, 'web', '127.77.3.5')).toBe('REFUSED');
  });

  it('see the names of all networks of their task', async () => {
    const app = aServiceOn('both', [front, back], { endpoints: [both] }, 2);
    const local = new Map([['127.77.1.8', [back.id]]]);
    const { port } = await start(
      { networksOf: (address) => local.get(address) },
      aState([front, back], [web, secret, app]),
    );
    expect(await ask(port, 'secret', '127.77.1.9')).toEqual(['10.2.255.1']);
    expect(await ask(port, 'web', '127.77.2.9', '127.77.2.1')).toEqual(['10.1.255.1']);
    expect(await ask(port, 'secret', '127.77.1.8')).toEqual(['10.2.255.1']);
  });

  it('see a change at once', async () => {
    const { server, port } = await start();
    server.update(aState([front], [{ ...web, endpoints: web.endpoints.slice(1) }]));
    expect(await ask(port, 'tasks.web')).toEqual(['10.1.1.12']);
  });

  it('get all of many answers at a time', async () => {
    const { port } = await start();
    const answers = await Promise.all(Array.from({ length: 300 }, () => ask(port, 'web.1')));
    expect(new Set(answers.flat())).toEqual(new Set(['10.1.1.11']));
  });
});

it('listens on the gateway of each subnet that has a slice here', () => {
  const subnets = ['10.5.0.0/24', '10.6.0.0/24', '10.7.0.0/24'];
  const slices = ['10.5.0.64/26', '10.6.0.0/26', '10.5.0.128/26'];
  expect(gatewaysOf(aState([aNetwork('wide', 5, { subnets, slices })], []))).toEqual([
    '10.5.0.65',
    '10.6.0.1',
  ]);
  expect(gatewaysOf(aState([aNetwork('edge', 5, { slices: [] })], []))).toEqual([]);
});

describe('sockets', () => {
  it('answer over TCP: cut anywhere, several at a time', async () => {
    const { port } = await start();
    const stream = Buffer.concat(['web', 'tasks.web', 'web.9'].map((name) => framed(name)));
    const cut = [...stream.subarray(0, 30)].map((byte) => Buffer.of(byte));
    const answers = await askTcp(port, [...cut, stream.subarray(30)], 3);
    expect(answers.map(brief)).toEqual([['10.1.255.1'], ['10.1.1.11', '10.1.1.12'], 'NXDOMAIN']);
  });

  it('outlive rubbish', async () => {
    const { port } = await start();
    const udp = createSocket('udp4').bind(0, '127.77.1.6');
    open.push({ close: () => udp.close() });
    await once(udp, 'listening');
    for (let size = 0; size < 200; size++) udp.send(Buffer.alloc(size, size * 37), port, '127.77.1.1');
    const tcp = connect({ host: '127.77.1.1', port, localAddress: '127.77.1.6' });
    tcp.on('error', () => undefined);
    tcp.write(Buffer.alloc(500, 0));
    await once(tcp, 'close');
    expect(await ask(port, 'web')).toEqual(['10.1.255.1']);
  });

  it('limit the connections of one client, not those of another', async () => {
    const { port } = await start();
    const from = (localAddress: string) => {
      const socket = connect({ host: '127.77.1.1', port, localAddress });
      open.push({ close: () => socket.destroy() });
      return new Promise<boolean>((resolve) => {
        socket.on('error', () => resolve(false));
        socket.on('close', () => resolve(false));
        socket.on('data', () => resolve(true));
        socket.write(framed('web'));
      });
    };
    const many = await Promise.all(Array.from({ length: 70 }, () => from('127.77.1.5')));
    expect(many.filter(Boolean)).toHaveLength(64);
    expect(await from('127.77.1.6')).toBe(true);
  });

  it('come as soon as the address is free, and go when not wanted', async () => {
    const blocker = createSocket('udp4').bind(0, '127.77.1.1');
    await once(blocker, 'listening');
    const { port } = blocker.address();
    const { server, lines, warnings } = await start({ port });
    expect(lines.join('\n')).toContain('EADDRINUSE');
    expect(warnings).toEqual([]);
    blocker.close();
    const opened = `DNS socket open ${JSON.stringify({ address: '127.77.1.1', port, transport: 'udp' })}`;
    await expect.poll(() => lines).toContain(opened);
    expect(await ask(port, 'web')).toEqual(['10.1.255.1']);
    await server.listenOn(['127.77.2.1']);
    const gone = exchange(query('web'), { address: '127.77.1.1', port }, 'udp', {
      timeoutMs: 500,
      signal: new AbortController().signal,
    });
    await expect(gone).rejects.toThrow();
    expect(await ask(port, 'secret', '127.77.2.5', '127.77.2.1')).toEqual(['10.2.255.1']);
  });
});

it('an address that stays taken is warned of once', async () => {
  const blocker = createSocket('udp4').bind(0, '127.77.1.1');
  open.push(blocker);
  await once(blocker, 'listening');
  const { lines, warnings } = await start({ port: blocker.address().port });
  await expect.poll(() => warnings.length).toBe(1);
  expect(lines.join('\n')).toContain('DNS socket cannot open, tried again');
});

describe('other names', () => {
  it('go to a resolver of the host over the same transport, under another id', async () => {
    const upstream = await anUpstream(says('192.0.2.1'));
    const { port } = await start({ upstreams: () => [upstream] });
    expect(await ask(port, 'Example.org')).toEqual(['192.0.2.1']);
    expect(upstream.seen).toEqual(['Example.org']);
    const [answer] = await askTcp(port, [framed('example.org', 99)], 1);
    expect(answer && brief(answer)).toEqual(['192.0.2.1']);
    expect(answer?.id).toBe(99);
  });

  it('go to the next resolver when one fails, refuses, or is not there', async () => {
    const failing = await anUpstream(fails(2));
    const refusing = await anUpstream(fails(5));
    const good = await anUpstream(says('192.0.2.2'));
    const nobody = { address: '127.77.9.9', port: 9 };
    const { port } = await start({ upstreams: () => [failing, refusing, nobody, good] });
    expect(await ask(port, 'example.org')).toEqual(['192.0.2.2']);
    const none = await start({ upstreams: () => [failing, nobody] });
    expect(await ask(none.port, 'example.org')).toBe('SERVFAIL');
  });

  it('wait 2 s for a resolver, hear no answer with another id, and ask it last from then on', async () => {
    const forged = await anUpstream((packet) => {
      const answer = says('192.0.2.66')(packet);
      answer.writeUInt16BE((packet.readUInt16BE(0) + 1) & 0xffff, 0);
      return answer;
    });
    const good = await anUpstream(says('192.0.2.3'));
    const { port } = await start({ upstreams: () => [forged, good] });
    const began = performance.now();
    expect(await ask(port, 'one.example')).toEqual(['192.0.2.3']);
    expect(performance.now() - began).toBeGreaterThan(1_900);
    expect(await ask(port, 'two.example')).toEqual(['192.0.2.3']);
    expect(forged.seen).toEqual(['one.example']);
  });

  it('without a dot stay away from public resolvers', async () => {
    const site = await anUpstream(says('192.0.2.4'));
    const mixed = await start({ upstreams: () => [{ address: '192.0.2.53', port: 53 }, site] });
    expect(await ask(mixed.port, 'nas')).toEqual(['192.0.2.4']);
    const outside = await start({ upstreams: () => [{ address: '2001:db8::53', port: 53 }] });
    expect(await ask(outside.port, 'nas')).toBe('NXDOMAIN');
  });

  it('can not take all places: what is too much is answered with SERVFAIL at once', async () => {
    const slow = await anUpstream((packet) =>
      decode(packet).questions?.[0]?.name === 'other.example' ? says('192.0.2.5')(packet) : undefined,
    );
    const { port } = await start({ upstreams: () => [slow] });
    const socket = createSocket('udp4').bind(0, '127.77.1.5');
    open.push({ close: () => socket.close() });
    await once(socket, 'listening');
    let failed = 0;
    socket.on('message', () => failed++);
    for (let index = 0; index < 300; index++) socket.send(query(`n${index}.example`), port, '127.77.1.1');
    await expect.poll(() => failed).toBe(300 - 256);
    expect(await ask(port, 'web')).toEqual(['10.1.255.1']);
    expect(await ask(port, 'other.example', '127.77.1.7')).toEqual(['192.0.2.5']);
  });
});
