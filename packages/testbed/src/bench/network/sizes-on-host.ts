/**
 * Runs on a host, in a network namespace of its own: `measure ROUNDS SIZES…` drives the agent's data path there and
 * prints a `SizeRound` a line. It calls itself as `serve` and `connect VIP SERVER COUNT` in namespaces that stand for containers.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BridgeDriver,
  bridgeOptions,
  type DockerBridge,
} from '../../../../agent/src/network/bridges/index.ts';
import { DataPath, type DataPathOptions } from '../../../../agent/src/network/index.ts';
import type { NetworkState, Peer, ServiceEndpoints } from '../../../../agent/src/network/state/index.ts';
import type { Connects, SizeRound } from './sizes.ts';

const connectsPerRound = 500;
const updatesPerRound = 25;
const port = 8_080;
const underlay = '192.0.2.1';
const nothingSpecial = {
  needs: { addresses: new Map(), subnets: new Map(), ports: new Map() },
  untracked: [],
  probes: undefined,
};
const network = 'net1';
const client = { device: 'bench-c', address: '10.77.1.10' };
const server = { device: 'bench-s', address: '10.77.1.11' };
const gateway = '10.77.1.1';

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });

function serve(): void {
  createServer((socket) => socket.on('error', () => {}).end()).listen(port);
}

/** How long new connections take, in milliseconds, one after the other: to the VIP and straight, in turns. */
async function connects(vip: string, straight: string, count: number): Promise<Connects> {
  const times: Connects = { vip: [], straight: [] };
  // The first ones only warm up this process.
  for (let index = -count / 5; index < count; index++) {
    const [viaVip, direct] = [await connectTime(vip), await connectTime(straight)];
    if (index < 0) continue;
    times.vip.push(viaVip);
    times.straight.push(direct);
  }
  return times;
}

async function connectTime(host: string): Promise<number> {
  const from = performance.now();
  const socket = connect({ host, port });
  await once(socket, 'connect', { signal: AbortSignal.timeout(5_000) });
  const time = performance.now() - from;
  socket.destroy();
  return Number(time.toFixed(4));
}

async function measure(rounds: number, sizes: readonly number[]): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'bench-sizes-'));
  const containers = [
    inNamespace('sleep', 'infinity'),
    inNamespace(process.execPath, process.argv[1] ?? '', 'serve'),
  ];
  const dataPath = new DataPath({ bridges: bridgeDriver(), stateDir, log: silent });
  try {
    ip('link', 'set', 'lo', 'up');
    ip('link', 'add', 'under', 'type', 'veth', 'peer', 'name', 'under-peer');
    ip('address', 'add', `${underlay}/24`, 'dev', 'under');
    for (const device of ['under', 'under-peer']) ip('link', 'set', device, 'up');
    await dataPath.start();
    await dataPath.apply(stateOf(10, 0), nothingSpecial);
    await dataPath.ready(network);
    for (const [index, { device, address }] of [client, server].entries())
      plugIn(containers[index]?.pid ?? 0, device, address);
    for (let round = 0; round < rounds; round++) {
      for (const size of sizes)
        console.log(JSON.stringify(await atSize(dataPath, containers[0]?.pid ?? 0, size)));
    }
  } finally {
    dataPath.close();
    for (const child of containers) child.kill('SIGKILL');
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function atSize(dataPath: DataPath, clientPid: number, services: number): Promise<SizeRound> {
  await dataPath.apply(stateOf(services, 0), nothingSpecial);
  // The kernel tells of thousands of elements for a while, and makes the data path look at all of them.
  await sleep(4_000);
  const output = execFileSync('nsenter', [
    `--net=/proc/${clientPid}/ns/net`,
    ...[
      process.execPath,
      process.argv[1] ?? '',
      'connect',
      vipOf(0),
      server.address,
      String(connectsPerRound),
    ],
  ]);
  const updates: number[] = [];
  for (let change = 1; change <= updatesPerRound; change++) {
    const state = stateOf(services, change);
    const from = performance.now();
    await dataPath.apply(state, nothingSpecial);
    updates.push(Number((performance.now() - from).toFixed(4)));
    await sleep(20);
  }
  return { services, connects: JSON.parse(output.toString()) as Connects, updates };
}

function inNamespace(...command: readonly string[]): ChildProcess {
  return spawn('unshare', ['--net', ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Gives a "container" its device on the network's bridge, as Docker does. */
function plugIn(pid: number, device: string, address: string): void {
  const bridge = made[0]?.bridge ?? '';
  ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
  ip('link', 'set', device, 'master', bridge, 'up');
  const there = (...args: string[]) => execFileSync('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', ...args]);
  there('address', 'add', `${address}/16`, 'dev', 'eth0');
  there('link', 'set', 'eth0', 'up');
  there('route', 'add', 'default', 'via', gateway);
}

const made: DockerBridge[] = [];

/** What Docker would do: a plain bridge. */
function bridgeDriver(): BridgeDriver {
  return {
    facts: async () => ({ version: '20.10.24', firewall: 'iptables', rootless: false }),
    list: async () => made,
    create: async (plan, more) => {
      ip('link', 'add', plan.bridge, 'type', 'bridge');
      ip('address', 'add', `${plan.gateway}/16`, 'dev', plan.bridge);
      ip('link', 'set', plan.bridge, 'up');
      made.push({ ...plan, options: bridgeOptions(plan, more), internal: false });
    },
    remove: async () => true,
    idle: async () => true,
    attached: async () => [],
  };
}

/** The agent's logger has more methods than the data path uses. */
const silent = (() => {
  const log = { child: () => log, info: () => {}, warn: console.error, error: console.error };
  return log as unknown as DataPathOptions['log'];
})();

const peers: readonly Peer[] = [1, 2, 3].map((number) => ({
  nodeId: `node${number}`,
  number,
  address: number === 1 ? underlay : `192.0.2.${number}`,
}));
const [self] = peers as [Peer];
const others = new Map(peers.slice(1).map((peer) => [peer.nodeId, peer]));
const networks: NetworkState['networks'] = new Map([
  [
    network,
    {
      id: network,
      name: 'bench',
      number: 1,
      subnets: ['10.77.0.0/16'],
      slices: ['10.77.1.0/24'],
      peerSlices: [2, 3].map((number) => ({ nodeId: `node${number}`, slices: [`10.77.${number}.0/24`] })),
      internal: false,
      encrypted: false,
      mtu: 0,
    },
  ],
]);

const vipOf = (index: number): string => `10.77.${192 + (index >> 8)}.${index & 255}`;
const backend = (number: number): string => `10.77.${64 + (number >> 8)}.${number & 255}`;

/** The first service is the one that answers; each `change` replaces one endpoint of the second one. */
function stateOf(count: number, change: number): NetworkState {
  const services = Array.from({ length: count }, (_, index): [string, ServiceEndpoints] => {
    const known = index === 1 ? undefined : unchanged.get(index);
    const service = known ?? serviceOf(index, change);
    unchanged.set(index, service);
    return [service.id, service];
  });
  return { self, peers: others, networks, services: new Map(services) };
}

/** As the agent keeps them, too. */
const unchanged = new Map<number, ServiceEndpoints>();

function serviceOf(index: number, change: number): ServiceEndpoints {
  const id = `service${index}`;
  const addresses =
    index === 0
      ? [server.address]
      : [0, 1, 2].map((slot) =>
          slot === 0 && index === 1 ? `10.77.1.${20 + (change % 200)}` : backend(index * 3 + slot),
        );
  return {
    id,
    name: id,
    stack: '',
    mode: 'vip',
    balance: 'random',
    attachments: [{ networkId: network, vip: vipOf(index), aliases: [] }],
    endpoints: addresses.map((address, slot) => ({
      taskId: `${id}-${slot}`,
      taskName: `${id}.${slot + 1}`,
      nodeId: peers[slot]?.nodeId ?? '',
      addresses: { [network]: address },
    })),
    published: [],
  };
}

const [mode = '', ...args] = process.argv.slice(2);
if (mode === 'serve') serve();
if (mode === 'connect') {
  const [vip = '', straight = '', count] = args;
  console.log(JSON.stringify(await connects(vip, straight, Number(count))));
}
if (mode === 'measure') await measure(Number(args[0]), args.slice(1).map(Number));
