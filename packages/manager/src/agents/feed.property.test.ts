import { setTimeout as sleep } from 'node:timers/promises';
import { Change } from '@shoal/proto';
import fc from 'fast-check';
import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import {
  type Network,
  type Payload,
  type PortConfig,
  payloadKinds,
  purposes,
  type Service,
  stateOf,
  type Task,
} from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import type { Tx } from '../store/index.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster, aNode, aPayload, aService, aTask } from '../testing.ts';
import { aVault } from '../trust/testing.ts';
import { Agents } from './agents.ts';
import { Feed } from './feed/index.ts';
import { ToldAgent } from './told.fixture.ts';

const nodes = ['n1', 'n2', 'n3', 'n4'];
const drivers = { ingress: 'overlay', over: 'overlay', under: 'overlay', local: 'bridge' };
const networks = Object.keys(drivers) as (keyof typeof drivers)[];
const services = ['web', 'db', 'job'];
const tasks = ['t1', 't2', 't3', 't4', 't5', 't6'];
const ingressPort: PortConfig = {
  Protocol: 'tcp',
  TargetPort: 80,
  PublishedPort: 80,
  PublishMode: 'ingress',
};

const anyOf = <T>(all: readonly T[]) => fc.constantFrom(...all);
const seldom = fc.integer({ min: 0, max: 4 }).map((number) => number === 4);
const anyNetwork = fc.record({
  id: anyOf(networks),
  gone: seldom,
  number: fc.integer({ min: 1, max: 2 }),
  owners: fc.subarray([...nodes, 'vip']),
  block: fc.integer({ min: 1, max: 2 }),
});
const anyService = fc.record({
  id: anyOf(services),
  gone: seldom,
  published: fc.boolean(),
  networks: fc.subarray(networks),
  labels: anyOf([
    {},
    { 'shoal.lb': 'source-hash' },
    { 'shoal.ready.tcp': '80' },
    { 'shoal.strategy': 'canary', 'shoal.canary.check': '80/' },
  ] as Record<string, string>[]),
  updating: fc.boolean(),
  specVersion: anyOf([1, 2]),
  auth: anyOf(['', 'secret']),
});
const anyTask = fc.record({
  id: anyOf(tasks),
  gone: seldom,
  service: anyOf(services),
  node: anyOf([...nodes, '']),
  state: anyOf(['pending', 'assigned', 'running', 'running', 'running', 'failed'] as const),
  desired: anyOf(['running', 'running', 'shutdown', 'remove'] as const),
  err: anyOf(['', '', 'unhealthy']),
  networks: fc.subarray(networks),
  address: anyOf(['10.0.0.1', '10.0.0.2', '']),
  files: fc.subarray(['s1', 's2']),
});
const payloads = ['s1', 's2'];
const anyPayload = fc.record({ kind: anyOf(payloadKinds), id: anyOf(payloads), gone: seldom });
/** Is there from the start: a template is known to be one by those who name it. */
const template = 's2';
const anyNode = fc.record({ id: anyOf(nodes), gone: seldom, address: anyOf(['192.0.2.1', '192.0.2.2']) });

/** One thing of a commit; what is there already is changed. */
const anyChange = fc.oneof(
  { weight: 3, arbitrary: anyNetwork.map((is) => (tx: Tx) => putNetwork(tx, is)) },
  { weight: 3, arbitrary: anyService.map((is) => (tx: Tx) => putService(tx, is)) },
  { weight: 6, arbitrary: anyTask.map((is) => (tx: Tx) => putTask(tx, is)) },
  { weight: 2, arbitrary: anyPayload.map((is) => (tx: Tx) => putPayload(tx, is)) },
  { weight: 1, arbitrary: anyNode.map((is) => (tx: Tx) => putNode(tx, is)) },
  { weight: 1, arbitrary: anyOf([80, 81]).map((port) => (tx: Tx) => putManagerPort(tx, port)) },
);

const anyStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      changes: fc.array(anyChange, { minLength: 1, maxLength: 4 }),
      rest: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: anyOf(['come', 'leave', 'slow', 'read', 'resync', 'applied', 'silent', 'heard'] as const),
      node: anyOf(nodes),
    }),
  },
);

function put<T extends { readonly ID: string }>(
  table: {
    get(id: string): T | undefined;
    create(object: T): T;
    update(object: T): T;
    remove(id: string): void;
  },
  object: T,
  gone: boolean,
): void {
  const present = table.get(object.ID);
  if (gone) table.remove(object.ID);
  else if (present) table.update({ ...present, ...without(object) });
  else table.create(object);
}

const without = <T>(object: T): Partial<T> => {
  const { Version: _, ...rest } = object as T & { Version?: unknown };
  return rest as Partial<T>;
};

function putNetwork(tx: Tx, is: typeof anyNetwork extends fc.Arbitrary<infer T> ? T : never): void {
  const isLocal = drivers[is.id] === 'bridge';
  const slices = is.owners.map((owner, at) => ({ owner, cidr: `10.${is.block}.${at}.0/24` }));
  const object = {
    ID: is.id,
    Spec: { Name: is.id, Driver: drivers[is.id], Ingress: is.id === 'ingress' },
    shoal: { number: is.number, subnets: ['10.0.0.0/8'], slices: isLocal ? [] : slices, grows: true },
  };
  put<Network>(tx.networks as never, object as unknown as Network, is.gone);
}

function putService(tx: Tx, is: typeof anyService extends fc.Arbitrary<infer T> ? T : never): void {
  const made = aService(is.id);
  const object: Service = {
    ...made,
    Spec: { ...made.Spec, Labels: is.labels },
    ...(is.updating && { UpdateStatus: { State: 'updating' } }),
    shoal: {
      specVersion: is.specVersion,
      ports: is.published ? [ingressPort] : [],
      attachments: is.networks.map((networkId) => ({ networkId, vip: '10.9.9.9' })),
      ...(is.auth && { registryAuth: vault.seal(sealing, purposes.registryAuth(is.id), is.auth) }),
    },
  };
  put<Service>(tx.services as never, object, is.gone);
}

function putTask(tx: Tx, is: typeof anyTask extends fc.Arbitrary<infer T> ? T : never): void {
  const placed = is.node !== '' && is.state !== 'pending';
  const object = aTask(is.id, {
    ServiceID: is.service,
    Spec: {
      ContainerSpec: {
        Secrets: is.files.map((id) => ({
          SecretID: id,
          SecretName: id,
          ContentVersion: 1,
          File: { Name: id },
        })),
        Configs: is.files.map((id) => ({
          ConfigID: id,
          ConfigName: id,
          ContentVersion: 1,
          File: { Name: `/${id}` },
        })),
      },
    },
    ...(placed && { NodeID: is.node }),
    DesiredState: is.desired,
    Status: {
      Timestamp: '',
      State: placed ? is.state : 'pending',
      ...(is.err && { Err: is.err }),
    },
    shoal: {
      specVersion: 1,
      ports: [],
      networks: is.networks,
      ...(placed && {
        attachments: is.networks.map((networkId) => ({ networkId, address: is.address })),
      }),
    },
  });
  const before = tx.tasks.get(is.id);
  // A task never changes its service, its networks or its host, and never runs again.
  if (before && !is.gone) {
    const { ServiceID, NodeID, Spec, shoal } = before;
    const isOver = stateOf(before) === 'failed';
    const isNews = !isOver && NodeID !== undefined && stateOf(object) !== 'pending';
    const { placement, observed } = isNews ? object : before;
    const parts = { ...(placement && { placement }), ...(observed && { observed }) };
    tx.tasks.update({ ...before, ServiceID, Spec, shoal, ...parts, DesiredState: is.desired });
  } else put<Task>(tx.tasks as never, object, is.gone);
}

function putPayload(tx: Tx, is: typeof anyPayload extends fc.Arbitrary<infer T> ? T : never): void {
  const data = vault.seal(
    sealing,
    purposes.content(is.kind, is.id, 1),
    Buffer.from(is.id).toString('base64'),
  );
  const Templating = is.id === template ? { Name: 'golang' } : null;
  put<Payload>(
    tx[`${is.kind}s`] as never,
    aPayload(is.id, [{ version: 1, at: '', data }], { Templating }),
    is.gone && is.id !== template,
  );
}

function putNode(tx: Tx, is: typeof anyNode extends fc.Arbitrary<infer T> ? T : never): void {
  const object = aNode(is.id, {
    reported: { address: is.address },
    allotted: { number: nodes.indexOf(is.id) + 1 },
  });
  put(tx.nodes as never, object, is.gone);
}

const vault = aVault();
const sealing = vault.begin(true);
const unseal = vault.unseal.bind(vault);
const cluster = aCluster();

function putManagerPort(tx: Tx, port: number): void {
  const managerPorts = [{ port, what: 'agents' }];
  put(tx.clusters as never, { ...cluster, managerPorts }, false);
}

/** The loop's timers have run. */
const settled = () => sleep(2);

it('whatever happens, each agent knows what a complete set would tell it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 20, maxLength: 40, size: 'max' }), async (steps) => {
      const store = await TestStore.open(memoryBackend(), Date.now);
      const agents = new Agents(store, {
        clock: Date.now,
        log: pino({ level: 'silent' }),
        vault,
        onTrust: () => undefined,
      });
      await store.update((tx) => {
        for (const kind of payloadKinds) putPayload(tx, { kind, id: template, gone: false });
      });
      // An agent that has joined has a node.
      const come = async (nodeId: string) => {
        const is = { id: nodeId, gone: false, address: '192.0.2.1' };
        await store.update((tx) => tx.nodes.get(nodeId) ?? putNode(tx, is));
        return new ToldAgent(agents, nodeId);
      };
      const connected = new Map<string, ToldAgent>();
      const silent = new Set<string>();
      for (const nodeId of nodes) connected.set(nodeId, await come(nodeId));
      const read = (agent: ToldAgent | undefined) => {
        if (!agent) return;
        agent.slow = false;
        agent.session.drained();
        agents.flushSoon(agent.session);
      };
      for (const step of steps) {
        if (step.kind === 'commit') {
          await store.update((tx) => {
            for (const change of step.changes) change(tx);
          });
          if (step.rest) await settled();
          continue;
        }
        const agent = connected.get(step.node);
        if (step.kind === 'come') connected.set(step.node, await come(step.node));
        else if (step.kind === 'leave' && agent) connected.delete(step.node) && agents.remove(agent.session);
        else if (step.kind === 'slow' && agent) agent.slow = true;
        else if (step.kind === 'read') read(agent);
        else if (step.kind === 'resync' && agent) {
          agent.session.resync();
          agents.flushSoon(agent.session);
        } else if (step.kind === 'applied' && agent) agents.applied(agent.session, agent.number);
        else if (step.kind === 'silent' || step.kind === 'heard') {
          const isSilent = step.kind === 'silent';
          if (isSilent) silent.add(step.node);
          else silent.delete(step.node);
          agents.setSilent(step.node, isSilent);
        }
      }
      const known = [...connected].filter(([nodeId]) => agents.of(nodeId));
      for (const [, agent] of known) read(agent);
      // Nothing reaches them after this. On a busy machine a round, and the one after it, let others run after each node.
      for (let turn = 0; turn <= 2 * nodes.length; turn++) await settled();
      // Their next sessions begin with complete sets.
      const fresh = new Map(known.map(([nodeId]) => [nodeId, new ToldAgent(agents, nodeId)]));
      // On a busy machine the loop's timers may run late.
      await vi.waitFor(
        () => {
          for (const [nodeId, agent] of known)
            expect([nodeId, sorted(agent)]).toEqual([nodeId, sorted(fresh.get(nodeId))]);
        },
        { timeout: 30_000, interval: 2 },
      );
      // And what is kept encoded is as it would be encoded now; that is all but tasks, of which some are held.
      const feed = new Feed({ view: store.view, held: () => false, silent, unseal });
      for (const [nodeId, agent] of fresh) {
        const told = [...agent.objects].flatMap(([key, hex]) => (key.startsWith('task ') ? [] : [hex]));
        // Of what is large it hears also that it is not there.
        const large = feed
          .take(nodeId, new Map(feed.everythingLarge(nodeId)), true)
          .filter((bytes) => Change.decode(bytes).object);
        const now = [...feed.everything(nodeId), ...large].filter(
          (bytes) => Change.decode(bytes).kind !== 'task',
        );
        expect([nodeId, ...told]).toEqual([nodeId, ...now.map((bytes) => bytes.toString('hex'))]);
      }
      await agents.close();
      await store.close();
    }),
    { numRuns: 40 },
  );
}, 60_000);

const sorted = (agent: ToldAgent | undefined) => [...(agent?.objects ?? [])].sort();
