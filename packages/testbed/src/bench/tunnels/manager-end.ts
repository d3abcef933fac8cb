import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { AgentServer } from '../../../../manager/src/agents/index.ts';
import { newId } from '../../../../manager/src/ids.ts';
import { memoryBackend } from '../../../../manager/src/store/backends/memory.ts';
import { Store } from '../../../../manager/src/store/index.ts';
import { Authority, trustedRoots, Vault } from '../../../../manager/src/trust/index.ts';
import { timingFor } from '../../../../proto/src/rules/index.ts';
import { type Moved, serveBare } from './bare.ts';
import { answerParent, cpuSeconds } from './talk.ts';

/** A manager's door for agents without the rest of the manager, and what reads the tunnels. */
const key = randomBytes(32);
const vault = new Vault({ name: 'the key of this bench', read: () => key, forget: () => undefined });
const authority = new Authority({ vault, clock: Date.now });
const clusterId = newId();
const managerId = newId();
const sealing = vault.begin(true);
const trust = await authority.begin({ ID: clusterId, sealing });
const store = await Store.open(memoryBackend(), Date.now);
await store.update((tx) => {
  tx.clusters.create({ ID: clusterId, trust, sealing, TaskHistoryRetentionLimit: 5, term: 1 });
}, 'manager');
const agents = new AgentServer(store, {
  clock: Date.now,
  ids: newId,
  random: Math.random,
  authority,
  vault,
  managerId,
  log: pino({ level: 'silent' }),
  liveness: { heard: () => undefined, left: () => undefined, told: () => timingFor(1) },
});

/** As the door for agents has it: both sides show certificates. */
async function secure(): Promise<ServerCredentials> {
  const { key, chain } = await authority.ownCredentials({ ID: clusterId, trust }, managerId);
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(chain) };
  return ServerCredentials.createSsl(Buffer.from(trustedRoots(trust).join('')), [pair], true);
}

const handlers = {
  cpu: () => cpuSeconds(),
  listen: async () => ({
    joinToken: authority.joinToken(trust, 'worker'),
    agents: await agents.listen('127.0.0.1:0'),
    clear: await serveBare(ServerCredentials.createInsecure()),
    bare: await serveBare(await secure()),
  }),
  /** Reads so many tunnels at a time for so long, all from one node. */
  read: async ({ tunnels, ms }: { tunnels: number; ms: number }): Promise<Moved> => {
    const [node] = store.view.nodes.all();
    const stop = new AbortController();
    const from = performance.now();
    let bytes = 0;
    const request = { method: 'GET', path: '/containers/bench/logs', headers: {} };
    await Promise.all(
      Array.from({ length: tunnels }, async () => {
        const { stream } = await agents.tunnel(node?.ID ?? '', request, 10_000, stop.signal);
        stream.on('error', () => undefined);
        stream.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        stream.end();
      }),
    );
    await sleep(ms);
    stop.abort();
    return { bytes, seconds: (performance.now() - from) / 1_000 };
  },
};
export type ManagerEnd = typeof handlers;
answerParent(handlers);
