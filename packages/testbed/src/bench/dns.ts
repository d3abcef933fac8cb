import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { DnsServer, gatewaysOf } from '../../../agent/src/network/dns/index.ts';
import { aNetwork, anEndpoint, aServiceOn, aState } from '../../../agent/src/network/dns/testing.ts';
import { report } from './measure/index.ts';

/**
 * The DNS server of a host under load from one client on loopback: first as much as both can, with 64
 * questions always under way, then 10,000 a second for the latency. The client needs about as much CPU as
 * the server, hence the second figure: answers by the CPU time of the server's thread alone. The latency is the
 * machine's as much as the server's: measure on an idle one.
 */
const address = '127.78.1.1';
const port = 5_353;
const secondsEach = 1.5;
const inFlight = 64;
const goalPerSecond = 10_000;
const updatesPerSecond = 10;
const updateRounds = 50;

interface Load {
  readonly names: number;
  /** Questions a second; 0 for as many as possible. */
  readonly rate: number;
}

interface Result {
  readonly answers: number;
  readonly seconds: number;
  readonly lost: number;
  /** Milliseconds. */
  readonly p99: number;
}

export default async function bench(): Promise<boolean> {
  const results: boolean[] = [];
  for (const services of [10, 5_000]) results.push(...(await measure(services)));
  return results.every(Boolean);
}

async function measure(services: number): Promise<boolean[]> {
  const network = aNetwork('bench', 1, { subnets: ['127.78.0.0/16'], slices: ['127.78.1.0/24'] });
  const all = Array.from({ length: services }, (_, index) => {
    const name = `service-${index}`;
    const endpoints = [1, 2, 3].map((slot) => anEndpoint(`${name}.${slot}`, [network], index * 3 + slot));
    return aServiceOn(name, [network], {
      endpoints: endpoints.map((each, slot) => ({
        ...each,
        addresses: { [network.id]: `127.78.${(index >> 6) + 2}.${(index & 63) * 3 + slot}` },
      })),
    });
  });
  const server = new DnsServer({
    random: Math.random,
    clock: Date.now,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    upstreams: () => [],
    port,
  });
  const changed = (round: number) => all.map((each, at) => (at === round % services ? { ...each } : each));
  server.update(aState([network], all));
  await server.listenOn(gatewaysOf(aState([network], [])));
  let round = 0;
  const updating = setInterval(
    () => server.update(aState([network], changed(round++))),
    1_000 / updatesPerSecond,
  );
  const title = `${services} services`;
  try {
    const cpu = process.threadCpuUsage();
    const full = await load({ names: services, rate: 0 });
    const { user, system } = process.threadCpuUsage(cpu);
    const steady = await load({ names: services, rate: goalPerSecond });
    const states = Array.from({ length: updateRounds }, (_, index) =>
      aState([network], changed(round + index)),
    );
    const start = performance.now();
    for (const state of states) server.update(state);
    const update = (performance.now() - start) / updateRounds;
    const more = { goal: goalPerSecond, better: 'higher' } as const;
    return [
      report('dns', `${title}: answers a second`, full.answers / full.seconds, '1/s', more),
      report('dns', `${title}: answers a CPU second`, full.answers / ((user + system) / 1e6), '1/s', more),
      report('dns', `${title}: p99 at 10,000 a second`, steady.p99, 'ms', { goal: 20 }),
      report('dns', `${title}: lost at 10,000 a second`, steady.lost, 'answers'),
      report('dns', `${title}: update of one service`, update, 'ms', { goal: 5 }),
    ];
  } finally {
    clearInterval(updating);
    await server.close();
  }
}

async function load(workerData: Load): Promise<Result> {
  const worker = new Worker(new URL(import.meta.url), { workerData });
  const [result] = (await once(worker, 'message')) as [Result];
  await worker.terminate();
  return result;
}

/** VIPs for the most part, as programs ask; some tasks, slots, absent record types and absent names. */
const forms = [
  (name: string) => question(name, 1),
  (name: string) => question(name, 28),
  (name: string) => question(name, 1),
  (name: string) => question(`tasks.${name}`, 1),
  (name: string) => question(name.toUpperCase(), 1),
  (name: string) => question(`${name}.2`, 1),
  (name: string) => question(`${name}.bench`, 1),
  (name: string) => question(`${name}.99`, 1),
];

function question(name: string, type: number): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]);
  return Buffer.concat([
    Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, type, 0, 1]),
  ]);
}

/** The client's thread. A question without an answer for 200 ms is lost. */
async function ask({ names, rate }: Load): Promise<Result> {
  const questions = Array.from({ length: Math.min(names * forms.length, 4_096) }, (_, index) =>
    (forms[index % forms.length] ?? question)(`service-${(index * 7_919) % names}`, 1),
  );
  const socket = createSocket('udp4').bind(0, '127.78.1.9');
  await once(socket, 'listening');
  socket.connect(port, address);
  await once(socket, 'connect');
  const sentAt = new Float64Array(0x10000);
  const latencies: number[] = [];
  let sent = 0;
  const send = () => {
    const id = sent++ & 0xffff;
    const packet = Buffer.from(questions[id % questions.length] ?? Buffer.alloc(0));
    packet.writeUInt16BE(id);
    sentAt[id] = performance.now();
    socket.send(packet);
  };
  const start = performance.now();
  const end = start + secondsEach * 1_000;
  socket.on('message', (message) => {
    const now = performance.now();
    latencies.push(now - (sentAt[message.readUInt16BE(0)] ?? now));
    if (rate === 0 && now < end) send();
  });
  if (rate === 0) for (let index = 0; index < inFlight; index++) send();
  while (performance.now() < end) {
    if (rate > 0) for (const due = ((performance.now() - start) / 1_000) * rate; sent < due; ) send();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const seconds = (performance.now() - start) / 1_000;
  const answers = latencies.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  socket.close();
  latencies.sort((a, b) => a - b);
  const p99 = latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN;
  return { answers, seconds, lost: sent - latencies.length, p99 };
}

if (!isMainThread) parentPort?.postMessage(await ask(workerData as Load));
