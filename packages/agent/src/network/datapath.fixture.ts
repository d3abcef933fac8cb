/** Run in a network namespace of its own: what the data path does there, line by line. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Refused } from '../task/daemon.ts';
import type { BridgeDriver, DockerBridge } from './bridges/bridges.ts';
import { bridgeOptions } from './bridges/options.ts';
import { DataPath } from './datapath.ts';
import { ensureIp } from './ip/keeper.ts';
import { readLinks } from './kernel/links.ts';
import { batch } from './kernel/run.ts';
import { network, state } from './state/builders.fixture.ts';

const settleMs = 500;
/** Much longer than it takes on a busy machine. */
const patienceMs = 10_000;
const say = (text: string) => process.stdout.write(`${text}\n`);

const made: DockerBridge[] = [];
let refusals = 0;
/** A daemon that has something against network 3, and goes away at network 4. Devices come from elsewhere. */
const bridges: BridgeDriver = {
  facts: async () => ({ version: '20.10.24', firewall: 'iptables', rootless: false }),
  list: async () => made,
  create: async (plan, more) => {
    if (plan.networkId === 'net3') {
      refusals++;
      throw new Refused('other', 'Pool overlaps with other one');
    }
    if (plan.networkId === 'net4') throw new Error('connect ECONNREFUSED');
    made.push({ ...plan, options: bridgeOptions(plan, more), internal: false });
  },
  remove: async (name) => {
    const at = made.findIndex((each) => each.name === name);
    if (at >= 0) made.splice(at, 1);
    return true;
  },
  idle: async () => true,
  attached: async () => [],
};

const stateDir = await mkdtemp(join(tmpdir(), 'shoal-datapath-'));
const dataPath = new DataPath({ bridges, stateDir, log: pino({ level: 'silent' }) });
await batch('ip', [
  'link set lo up',
  'link add under type veth peer name under-peer',
  'address add 192.0.2.1/24 dev under',
  'link set under up',
  'link set under-peer up',
  // Of a network that this agent is no longer to have, and whose containers Docker keeps.
  'link add sh.n9 type bridge',
  'address add 10.9.1.1/16 dev sh.n9',
  'link set sh.n9 up',
]);
// The daemon removes one that is down, while it is about to be raised.
await batch('ip', ['link add sh.n8 type bridge']);
const raced = ensureIp(state(), [], () => batch('ip', ['link del sh.n8']).then(() => []));
say(await raced.then(({ links }) => `${links.filter(({ name }) => name === 'sh.n8').length} left`, String));
try {
  await dataPath.start();
  const needs = { addresses: new Map([['10.9.0.7', 'the manager']]), subnets: new Map(), ports: new Map() };
  const host = { needs, untracked: [], probes: undefined };
  // What went wrong before anything was known is over once something is.
  const cleared = dataPath.clearWay({ ...needs, addresses: new Map([['no address', 'the manager']]) });
  await sleep(settleMs);
  const troubled = () => (dataPath.trouble.includes('no address') ? 'trouble' : 'no trouble');
  const early = troubled();
  await Promise.all([dataPath.apply(state(), host), cleared]);
  say(`${early}, then ${troubled()}`);
  // What the kernel tells of it must not be a reason to do it again.
  await sleep(settleMs);
  const repaired = await dataPath.verify();
  const bridge = (await readLinks()).find(({ name }) => name === 'sh.n9');
  say(`sh.n9 is ${bridge?.up ? 'up' : 'down'}, repaired: ${repaired.join() || 'nothing'}`);
  const ready = (networkId: string) =>
    Promise.race([
      dataPath.ready(networkId).then(
        () => 'ready',
        ({ message }) => message,
      ),
      sleep(patienceMs, 'still waits', { ref: false }),
    ]);
  await dataPath.apply(state({ networks: [network(3), network(5)] }), host);
  say(await ready('net5'));
  say(await ready('net3'));
  await sleep(settleMs);
  const before = refusals;
  await sleep(2 * settleMs);
  say(`asked ${refusals - before} times more`);
  await dataPath.apply(state({ networks: [network(4)] }), host);
  const waiting = ready('net4');
  await dataPath.apply(state(), host);
  say(await waiting);
} finally {
  dataPath.close();
  await rm(stateDir, { recursive: true });
}
