/** A real server for agents, and agents that only speak the protocol, for this folder's tests. */
import { randomBytes } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import {
  type AgentMessage,
  Change,
  type Changes,
  decodeObject,
  encodeObserved,
  type Kind,
  type ManagerMessage,
  NodeFacts,
  type ObjectOf,
  type ObservedStateName,
  protocolVersion,
  SessionsClient,
} from '@shoal/proto';
import { timingFor } from '@shoal/proto/rules';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import type { Task } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster, aNode, aService, aTask, type TaskChange } from '../testing.ts';
import { Authority, requestedKey, trustedRoots } from '../trust/index.ts';
import { aKeyAndRequest, aVault } from '../trust/testing.ts';
import { AgentServer } from './index.ts';

export const nodeId = 'a'.repeat(25);
export const clusterId = 'c';
export const sealingKey = randomBytes(32);
export const vault = aVault(sealingKey);
export const sealing = vault.begin(true);
export const authority = new Authority({ vault, clock: Date.now });
export const trust = await authority.begin({ ID: clusterId, sealing });
const { key, request } = await aKeyAndRequest();

export { key };

const publicKey = await requestedKey(request);

/** What a manager has to show: here, that its roots are the cluster's. */
const checkServerIdentity = () => undefined;
export const channelOptions = {
  'grpc.ssl_target_name_override': 'shoal-manager',
  'grpc.use_local_subchannel_pool': 1,
};

/** Credentials with a certificate (PEM) for the key of all of these agents; without one, those of a stranger. */
export const showing = (cert?: string, ca = trustedRoots(trust)): ChannelCredentials =>
  credentials.createFromSecureContext(createSecureContext({ ca, ...(cert && { key, cert }) }), {
    checkServerIdentity,
  });

/** As the cluster's authority issues them, unless the test says otherwise. */
export const certificateOf = (
  id: string,
  { by = trust, of = clusterId, role = 'worker' as 'worker' | 'manager' } = {},
): Promise<string> => authority.certify({ ID: of, trust: by }, publicKey, { id, role });

const ofNode = showing(await certificateOf(nodeId));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

export async function aManager(backend = memoryBackend(), clock = Date.now) {
  const heard: string[] = [];
  const left: string[] = [];
  const store = await TestStore.open(backend, clock);
  await store.update((tx) => {
    tx.clusters.create(aCluster({ ID: clusterId, trust, sealing, term: 7 }));
    tx.nodes.create(aNode(nodeId));
    tx.services.create(aService('web'));
  });
  const agents = new AgentServer(store, {
    clock,
    ids: () => 'b'.repeat(25),
    random: () => 0,
    authority,
    vault,
    managerId: 'm'.repeat(25),
    log: pino({ level: 'silent' }),
    liveness: {
      heard: (id) => void heard.push(id),
      left: (id) => void left.push(id),
      told: () => timingFor(1),
    },
  });
  const port = await agents.listen('127.0.0.1:0');
  closers.push(() => agents.close());
  return { store, agents, port, heard, left };
}

/** A message of the feed, taken apart. */
export class Told {
  readonly message: Changes;
  readonly #changes: readonly Change[];

  constructor(message: Changes) {
    this.message = message;
    this.#changes = message.changes.map((bytes) => Change.decode(bytes));
  }

  put<K extends Kind>(kind: K): ObjectOf<K>[] {
    return this.#changes.flatMap((change) =>
      change.kind === kind && change.object ? [decodeObject(kind, change.object)] : [],
    );
  }

  removed(kind: Kind): string[] {
    return this.#changes.filter((change) => change.kind === kind && !change.object).map(({ id }) => id);
  }
}

/** A bare client of the protocol that keeps all it received. */
export function anAgent(port: number, secure = ofNode) {
  const client = new SessionsClient(`127.0.0.1:${port}`, secure, channelOptions);
  const call = client.session();
  const received: NonNullable<ManagerMessage['body']>[] = [];
  const ended = new Promise<string>((resolve) => {
    call.on('error', (error) => resolve(error.message));
    call.on('end', () => resolve('ended'));
  });
  call.on('data', ({ body }: ManagerMessage) => body && received.push(body));
  closers.push(() => client.close());
  const send = (body: NonNullable<AgentMessage['body']>) => call.write({ body });
  const hello = (change: { protocol?: number; facts?: Partial<NodeFacts> } = {}) =>
    send({
      $case: 'hello',
      value: {
        protocol: protocolVersion,
        ...change,
        facts: { ...NodeFacts.fromPartial({ hostname: 'h1', address: '10.0.0.1' }), ...change.facts },
      },
    });
  const sets = () =>
    received.flatMap((body): Told[] => (body.$case === 'changes' ? [new Told(body.value)] : []));
  const report = (number: number, taskId: string, state: ObservedStateName, err = '') =>
    send({
      $case: 'statuses',
      value: {
        number,
        statuses: [
          {
            taskId,
            state: encodeObserved(state),
            timeMs: 0,
            message: '',
            err,
            ports: [],
            oomKilled: false,
            startRefused: false,
            cutOff: false,
            limitsRefused: '',
            lastLines: '',
            canaryPassed: false,
            canaryFailed: false,
            unhealthy: false,
          },
        ],
      },
    });
  const cancel = () => {
    call.cancel();
    // Else it would connect again and again.
    client.close();
  };
  return { send, hello, received, sets, ended, report, end: () => call.end(), cancel };
}

export const assigned = (id: string, change: TaskChange = {}): Task =>
  aTask(id, {
    NodeID: nodeId,
    Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'assigned' },
    ...change,
  });
