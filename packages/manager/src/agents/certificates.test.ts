import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { type ChannelCredentials, Metadata, status } from '@grpc/grpc-js';
import {
  CertificatesClient,
  type IssueReply,
  IssueRequest,
  NodeFacts,
  protocolVersion,
  type RootsReply,
} from '@shoal/proto';
import { parseSubject } from '@shoal/proto/rules';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { Disk, type Fate } from '../store/backends/unreliable.fixture.ts';
import { aNode } from '../testing.ts';
import { trustedRoots } from '../trust/index.ts';
import { aRequest } from '../trust/testing.ts';
import {
  aManager,
  anAgent,
  assigned,
  authority,
  certificateOf,
  channelOptions,
  clusterId,
  nodeId,
  sealing,
  showing,
  trust,
} from './testing.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});
const token = authority.joinToken(trust, 'worker');
const facts = NodeFacts.fromPartial({ hostname: 'h9', address: '10.0.0.9' });
const request = await aRequest();
const whole = { request, joinToken: token, facts, protocol: protocolVersion };

function aClient(port: number, secure: ChannelCredentials = showing()) {
  const client = new CertificatesClient(`127.0.0.1:${port}`, secure, channelOptions);
  closers.push(() => client.close());
  const deadline = () => ({ deadline: Date.now() + 20_000 });
  return {
    roots: () => promisify<RootsReply>((done) => client.roots({}, new Metadata(), deadline(), done))(),
    issue: (change: Partial<IssueRequest> = whole) =>
      promisify<IssueReply>((done) =>
        client.issue(IssueRequest.fromPartial(change), new Metadata(), deadline(), done),
      )(),
  };
}

const subjectOf = ({ certificate }: IssueReply) => parseSubject(new X509Certificate(certificate).subject);

describe('a host without a certificate', () => {
  it('is told the roots, and becomes a node by the join token', async () => {
    const { store, port, heard } = await aManager();
    const client = aClient(port);
    expect(await client.roots()).toEqual({ roots: trust.root.certificate });
    const reply = await client.issue();
    const id = 'b'.repeat(25);
    expect(subjectOf(reply)).toEqual({ id, role: 'worker', clusterId });
    expect(reply.roots).toBe(trust.root.certificate);
    expect(store.view.nodes.get(id)).toMatchObject({ reported: { description: { Hostname: 'h9' } } });
    // From now on it is watched, whether its agent comes or not.
    expect(heard).toEqual([id]);
  });

  it('is not believed that the manager runs on it', async () => {
    const { store, port } = await aManager();
    await aClient(port).issue({ ...whole, facts: { ...facts, runsManager: true } });
    expect(store.view.nodes.get('b'.repeat(25))?.reported.runsManager).toBeUndefined();
  });

  it('is told why it can not come while the disk is full', async () => {
    let fate: Fate = 'done';
    const { port } = await aManager(new Disk().open(() => fate));
    fate = 'refused';
    await expect(aClient(port).issue()).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(/nothing was changed: the disk is full/),
    });
  });

  it('is the same node when it asks again with the same key, as it does when the answer was lost', async () => {
    const { store, port } = await aManager();
    const [first, again] = [await aClient(port).issue(), await aClient(port).issue()];
    expect(subjectOf(again)).toEqual(subjectOf(first));
    expect(store.view.nodes.size).toBe(2);
  });

  it.each([
    ['no token', { joinToken: '' }, /join token is not valid/],
    ['a token of another cluster', { joinToken: token.replace(/.$/, 'z').replace(/..$/, 'zz') }, /not valid/],
    ['the token of managers', { joinToken: authority.joinToken(trust, 'manager') }, /only one yet/],
    ['no request', { request: 'x' }, /no PKCS#10 request/],
    ['no facts', { facts: undefined }, /lacks the facts/],
    ['another protocol', { protocol: 1 }, /protocol/],
  ])('is refused with %s', async (_, change, says) => {
    const { store, port } = await aManager();
    const { facts: given, ...rest } = { ...whole, ...change };
    const asked = aClient(port).issue(given ? { ...rest, facts: given } : rest);
    await expect(asked).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    await expect(asked).rejects.toThrow(says);
    expect(store.view.nodes.size).toBe(1);
  });

  it('can speak to nobody by an older TLS', async () => {
    const { port } = await aManager();
    const ended = new Promise((resolve) => {
      connect({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', rejectUnauthorized: false })
        .on('error', (error) => resolve('code' in error && error.code))
        .on('secureConnect', () => resolve('connected'));
    });
    expect(await ended).toMatch(/TLS.*VERSION/);
  });

  it('gets no further: neither a session nor a tunnel', async () => {
    const { port } = await aManager();
    const stranger = anAgent(port, showing());
    stranger.hello();
    expect(await stranger.ended).toMatch(/showed no certificate/);
    expect(stranger.received).toEqual([]);
  });
});

describe('a node', () => {
  it('that is removed while its greeting is being written gets no session', async () => {
    const backend = new Disk().open(() => 'done');
    let free = () => {};
    let held: Promise<void> | undefined;
    const commit: typeof backend.commit = async (batches) => {
      await held;
      return backend.commit(batches);
    };
    const { store, port, heard } = await aManager({ ...backend, commit });
    const asked = vi.spyOn(store, 'update');
    held = new Promise((resolve) => {
      free = resolve;
    });
    // What comes while this is written is written together.
    const writes: Promise<unknown>[] = [store.update((tx) => tx.tasks.create(assigned('t1')))];
    const agent = anAgent(port);
    agent.hello({ facts: { hostname: 'h2' } });
    await eventually(() => expect(asked).toHaveBeenCalledTimes(2));
    writes.push(store.update((tx) => tx.nodes.remove(nodeId)));
    free();
    await Promise.all(writes);
    expect(await agent.ended).toMatch(/was removed from the cluster/);
    expect([agent.received, heard]).toEqual([[], []]);
  });

  it('gets its next certificate by its present one, for itself and no other, whatever it says', async () => {
    const { store, port } = await aManager();
    const own = showing(await certificateOf(nodeId));
    const reply = await aClient(port, own).issue({ request, joinToken: token, facts });
    expect(subjectOf(reply)).toEqual({ id: nodeId, role: 'worker', clusterId });
    expect(store.view.nodes.size).toBe(1);
  });

  it.each([
    ['the certificate of a node that was removed', () => certificateOf('c'.repeat(25)), /was removed/],
    [
      'the certificate of a manager',
      () => certificateOf(nodeId, { role: 'manager' }),
      /of a manager is not for/,
    ],
    ['one of another cluster', () => certificateOf(nodeId, { of: 'other' }), /for another cluster/],
    ['one of another authority', () => foreign(), /showed no certificate/],
    [
      'one that has ended',
      () => certificateOf(nodeId, { by: { ...trust, nodeCertExpiryMs: -1_000 } }),
      /showed no/,
    ],
  ])('is refused with %s, for a session', async (_, certificate, says) => {
    const { store, port } = await aManager();
    const before = store.view.nodes.get(nodeId);
    const agent = anAgent(port, showing(await certificate()));
    agent.hello();
    expect(await agent.ended).toMatch(says);
    expect([agent.received, store.view.nodes.get(nodeId)]).toEqual([[], before]);
  });

  it('is shut out at once when it is removed: its stream ends, and so does all that it can do', async () => {
    const { store, port } = await aManager();
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets()).toHaveLength(1));
    await store.update((tx) => tx.nodes.remove(nodeId));
    expect(await agent.ended).toBe('ended');
    const again = anAgent(port);
    again.hello();
    expect(await again.ended).toMatch(/was removed from the cluster/);
    const own = showing(await certificateOf(nodeId));
    await expect(aClient(port, own).issue({ request })).rejects.toThrow(/was removed/);
    expect(store.view.nodes.size).toBe(0);
  });

  it('is cut off when its certificate ends', async () => {
    const { port } = await aManager();
    const brief = await certificateOf(nodeId, { by: { ...trust, nodeCertExpiryMs: 2_000 } });
    const agent = anAgent(port, showing(brief));
    agent.hello();
    expect(await agent.ended).toMatch(/certificate has ended/);
    expect(agent.received.length).toBeGreaterThan(0);
  });
});

it('as many nodes renew at once as can be answered in time, each once; the others are told to come later', async () => {
  let wait: Promise<unknown> | undefined;
  const backend = memoryBackend();
  const slow: typeof backend = {
    ...backend,
    commit: async (batches) => {
      await wait;
      return backend.commit(batches);
    },
  };
  const { store, port } = await aManager(slow);
  const ids = Array.from({ length: 33 }, (_, index) => `n${index}`);
  await store.update((tx) => {
    for (const id of ids) tx.nodes.create(aNode(id));
  });
  const clients = await Promise.all(ids.map(async (id) => aClient(port, showing(await certificateOf(id)))));
  const disk = Promise.withResolvers<void>();
  wait = disk.promise;
  const calls = clients.map((client) => client.issue({ request }));
  const later = { code: status.UNAVAILABLE, details: expect.stringMatching(/at once: try again/) };
  const renewed = Promise.allSettled(calls);
  await expect(Promise.race(calls)).rejects.toMatchObject(later);
  await expect(clients[0]?.issue({ request })).rejects.toMatchObject({ code: status.UNAVAILABLE });
  disk.resolve();
  const refused = (await renewed).filter(({ status }) => status === 'rejected');
  expect(refused).toMatchObject([{ reason: later }]);
  const again = clients[calls.length - 1];
  expect(subjectOf((await again?.issue({ request })) as IssueReply)?.id).toBe(ids.at(-1));
});

const foreign = async () => certificateOf(nodeId, { by: await authority.begin({ ID: clusterId, sealing }) });

describe('while a new root takes over', () => {
  it('nobody is cut off before all have shown a certificate of it; then the former root counts no more', async () => {
    const { store, port } = await aManager();
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets()).toHaveLength(1));
    await store.update((tx) => tx.nodes.create(aNode('other')));
    const rotated = await authority.rotate({ ID: clusterId, trust, sealing });
    const setTrust = (change: object) =>
      store.update((tx) => {
        const cluster = tx.clusters.get(clusterId);
        if (cluster) tx.clusters.update({ ...cluster, trust: { ...trust, ...rotated, ...change } });
      });
    await setTrust({});
    const trusts = () => agent.received.flatMap((body) => (body.$case === 'trust' ? [body.value] : []));
    const both = trustedRoots({ ...trust, ...rotated }).join('');
    await eventually(() =>
      expect(trusts().at(-1)).toEqual({ roots: both, renew: true, renewWithinMs: 5_000 }),
    );

    // It knows only the former root yet.
    const own = showing(await certificateOf(nodeId), [trust.root.certificate]);
    const late = anAgent(port, own);
    late.hello();
    await eventually(() => expect(late.sets()).toHaveLength(1));
    const next = await certificateOf(nodeId, { by: { ...trust, ...rotated } });
    const renewed = anAgent(port, showing(next, [rotated.root.certificate]));
    renewed.hello();
    await eventually(() => expect(renewed.sets()).toHaveLength(1));
    expect(renewed.received[1]).toEqual({
      $case: 'trust',
      value: { roots: both, renew: false, renewWithinMs: 5_000 },
    });
    expect(store.view.nodes.get(nodeId)?.allotted.signedBy).toBe(rotated.root.digest);

    const straggler = anAgent(port, showing(await certificateOf('other'), [trust.root.certificate]));
    straggler.hello();
    await eventually(() => expect(straggler.sets()).toHaveLength(1));
    await setTrust({ former: undefined });
    expect(await straggler.ended).toBe('ended');
    await eventually(() =>
      expect(renewed.received).toContainEqual({
        $case: 'trust',
        value: { roots: rotated.root.certificate, renew: false, renewWithinMs: 5_000 },
      }),
    );
    await eventually(async () => {
      const former = anAgent(port, showing(await certificateOf(nodeId), [rotated.root.certificate]));
      former.hello();
      expect(await former.ended).toMatch(/showed no certificate/);
    });
  });
});
