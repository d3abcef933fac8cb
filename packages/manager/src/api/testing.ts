import { Readable } from 'node:stream';
import { pino } from 'pino';
import { createIngress } from '../allocator/network.ts';
import { flaw, type Linked, link, start } from '../audit/chain.ts';
import { recordEvents } from '../events/index.ts';
import type { LivenessReport } from '../liveness/index.ts';
import type { ServiceSpec } from '../model/index.ts';
import { QueryError } from '../query-error.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import type { Tx } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster } from '../testing.ts';
import { Authority } from '../trust/index.ts';
import { aVault } from '../trust/testing.ts';
import { type Api, buildApi } from './app.ts';
import type { ApiDeps } from './http/deps.ts';
import { listen } from './listen/index.ts';

export const testClock = () => Date.UTC(2026, 0, 1);

/** The chain of records in memory; on the disk it has tests of its own. */
const records: Linked[] = [];
export const audit: ApiDeps['audit'] = {
  append: async (entry) => void records.push(link(records.at(-1) ?? start, entry)),
  tail: async (count) => records.slice(-count),
  verify: async () => {
    const flaws = records.flatMap((record, i) => flaw(records[i - 1], record) ?? []);
    const { number, hash } = records.at(-1) ?? start;
    return { ok: flaws.length === 0, records: records.length, first: 1, head: { number, hash }, flaws };
  },
};

export const vault = aVault();
const sealing = vault.begin(true);
export const authority = new Authority({ vault, clock: testClock });
const trust = await authority.begin({ ID: 'cluster', sealing });
/** Of workers. */
export const joinToken = authority.joinToken(trust, 'worker');

const aStore = async (seed: (tx: Tx) => void): Promise<TestStore> => {
  const store = await TestStore.open(memoryBackend(), testClock, recordEvents);
  await store.update((tx) => {
    tx.clusters.create(aCluster({ ID: 'cluster', trust, sealing }));
    createIngress(tx);
    seed(tx);
  });
  return store;
};

type Ask = ApiDeps['queries']['ask'];
type Tunnel = ApiDeps['queries']['tunnel'];
const nobody = () => Promise.reject(new QueryError(503, 'the node is not connected to the manager'));

const aReport: ApiDeps['liveness'] = ({ ID }): LivenessReport => ({
  node: ID,
  hostname: ID,
  at: '',
  state: 'heard',
  says: '',
  heardAt: '',
  evidence: [],
  verdicts: [],
  valve: { open: false, rule: '', known: 1, unheard: 0, unanswered: 0 },
});

export const anApp = (
  store: ApiDeps['store'],
  ask: Ask = nobody,
  tunnel: Tunnel = nobody,
  written: ApiDeps['audit'] = audit,
  timeOfDay: ApiDeps['timeOfDay'] = testClock,
) => {
  let ids = 0;
  return buildApi({
    through: 'socket',
    store,
    clock: testClock,
    timeOfDay,
    authority,
    vault,
    audit: written,
    ids: () => `id${String(++ids).padStart(23, '0')}`,
    log: pino({ level: 'silent' }),
    queries: {
      distribution: async (image) => {
        if (image.includes('missing')) throw new QueryError(404, `manifest for ${image} not found`);
        return { Descriptor: { digest: `sha256:${'a'.repeat(64)}` }, Platforms: [] };
      },
      ask,
      tunnel,
    },
    liveness: aReport,
    explain: (_view, task) => ({ task: task.ID }),
    backup: async (passphrase) =>
      Readable.from([Buffer.from(`a backup, sealed by ${passphrase.length} letters`)]),
    held: () => undefined,
    about: { version: '0.1.0', managerAddr: '10.0.0.9:2477' },
  });
};

/** An app on a port of its own; `close` closes both. */
export async function served(app: Api) {
  const { addresses, close } = await listen(app.routing, ['http://127.0.0.1:0']);
  return { url: addresses[0] ?? '', close: async () => void (await Promise.all([app.close(), close()])) };
}

let current = await aStore(() => undefined);
let currentAsk: Ask = nobody;
/** Compiling the schemas is what takes time, so a file's tests share one app and change its store. */
const sharedApp = anApp(
  {
    get view() {
      return current.view;
    },
    update: (change) => current.update(change),
    watch: (listener) => current.watch(listener),
    purge: () => current.purge(),
  },
  (...question) => currentAsk(...question),
);

/** The API over a store of its own: `seed` fills it, `call` asks it, `ask` is what hosts answer. One at a time. */
export async function anApi(seed: (tx: Tx) => void = () => undefined, ask: Ask = nobody) {
  const store = await aStore(seed);
  current = store;
  currentAsk = ask;
  const app = await sharedApp;
  const call = async (
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: unknown,
    headers = {},
  ) => {
    const response = await app.inject({
      method,
      url,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const isJson = response.headers['content-type'] === 'application/json';
    return {
      status: response.statusCode,
      headers: response.headers,
      text: response.body,
      // Only when asked for: a stream of events is no JSON as a whole.
      get body() {
        return isJson ? response.json() : undefined;
      },
    };
  };
  return { store, call };
}

/** The smallest spec that works. */
export const aSpec = (change: Partial<ServiceSpec> = {}): ServiceSpec => ({
  Name: 'web',
  TaskTemplate: { ContainerSpec: { Image: 'web:1' } },
  ...change,
});

/** Filters as the query parameter that Docker's clients send. */
export const filters = (wanted: Readonly<Record<string, readonly string[]>>): string =>
  `filters=${encodeURIComponent(
    JSON.stringify(
      Object.fromEntries(
        Object.entries(wanted).map(([key, values]) => [
          key,
          Object.fromEntries(values.map((value) => [value, true])),
        ]),
      ),
    ),
  )}`;
