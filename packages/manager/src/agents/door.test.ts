import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, expect, it, vi } from 'vitest';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster, aNode } from '../testing.ts';
import { trustedRoots } from '../trust/index.ts';
import { Door, type DoorLimits } from './door.ts';
import type { HandshakeLimits } from './handshakes.ts';
import { nodeIdBehind } from './identity.ts';
import { authority, certificateOf, clusterId, key, nodeId, sealing, trust } from './testing.ts';

/** However busy the machine is. */
const soon = (check: () => void) => vi.waitFor(check, 30_000);

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const few: HandshakeLimits = {
  most: 8,
  mostOfSource: 4,
  mostWaiting: 200,
  mostWaitingOfSource: 100,
  rate: { burst: 1_000, perSecond: 1_000 },
  patienceMs: 60_000,
};
const cluster = aCluster({ ID: clusterId, trust });
const other = 'o'.repeat(25);

async function aDoor(limits: Partial<DoorLimits> = {}) {
  const store = await TestStore.open(memoryBackend(), Date.now);
  await store.update((tx) => [nodeId, other].map((id) => tx.nodes.create(aNode(id))));
  const inside = { known: [] as TLSSocket[], strange: [] as TLSSocket[] };
  const door = new Door({
    clock: Date.now,
    nodeOf: (connection) => nodeIdBehind(connection, cluster, store.view),
    known: (connection) => void inside.known.push(connection.resume()),
    strange: (connection) => void inside.strange.push(connection.resume()),
    limits: {
      handshakes: few,
      mostOfNode: 2,
      mostStrange: 2,
      mostStrangeOfSource: 10,
      strangeMs: 60_000,
      ...limits,
    },
  });
  const own = await authority.ownCredentials({ ID: clusterId, trust }, 'm'.repeat(25));
  door.show({ key: own.key, cert: own.chain, ca: trustedRoots(trust) });
  const port = await door.listen('127.0.0.1:0');
  closers.push(() => door.close());
  return { inside, door, port, store };
}

function aVisitor(port: number, cert?: string, more: ConnectionOptions = {}): TLSSocket {
  const to = { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] };
  const visitor = connect({ ...to, ...(cert && { key, cert }), ...more }).on('error', () => undefined);
  visitor.resume();
  closers.push(() => visitor.destroy());
  return visitor;
}

it('closes a connection without a certificate after its time, and no other', async () => {
  const { inside, port } = await aDoor({ strangeMs: 100 });
  const node = aVisitor(port, await certificateOf(nodeId));
  await soon(() => expect(inside.known).toHaveLength(1));
  const foreign = aVisitor(
    port,
    await certificateOf(nodeId, { by: await authority.begin({ ID: clusterId, sealing }) }),
  );
  await Promise.all([once(aVisitor(port), 'close'), once(foreign, 'close')]);
  expect(inside.strange).toHaveLength(2);
  expect(node.destroyed).toBe(false);
});

it('lets only so many in without a certificate at a time; others come as ever, and the next when one has gone', async () => {
  const { inside, port } = await aDoor({ mostStrange: 2 });
  const first = aVisitor(port);
  aVisitor(port);
  await soon(() => expect(inside.strange).toHaveLength(2));
  await once(aVisitor(port), 'close');
  aVisitor(port, await certificateOf(nodeId));
  await soon(() => expect(inside.known).toHaveLength(1));
  first.destroy();
  await soon(() => expect(inside.strange[0]?.destroyed).toBe(true));
  aVisitor(port);
  await soon(() => expect(inside.strange).toHaveLength(3));
});

it('lets no source have all that is for those without a certificate', async () => {
  const { inside, port } = await aDoor({ mostStrange: 3, mostStrangeOfSource: 2 });
  const from = (localAddress: string) => aVisitor(port, undefined, { localAddress } as ConnectionOptions);
  from('127.0.0.2');
  from('127.0.0.2');
  await soon(() => expect(inside.strange).toHaveLength(2));
  await once(from('127.0.0.2'), 'close');
  from('127.0.0.3');
  await soon(() => expect(inside.strange).toHaveLength(3));
});

it('takes users, managers and nodes that were removed for strangers, whatever their certificates', async () => {
  const { inside, port, store } = await aDoor({ mostStrange: 10 });
  const user = await authority.userCredentials(
    { ID: clusterId, trust },
    { name: 'ann', role: 'admin' },
    60_000,
  );
  aVisitor(port, user.certificate, { key: user.key });
  aVisitor(port, await certificateOf(nodeId, { role: 'manager' }));
  aVisitor(port, await certificateOf('g'.repeat(25)));
  aVisitor(port, await certificateOf(nodeId, { of: 'another' }));
  await soon(() => expect(inside.strange).toHaveLength(4));
  aVisitor(port, await certificateOf(nodeId));
  await soon(() => expect(inside.known).toHaveLength(1));
  await store.update((tx) => tx.nodes.remove(nodeId));
  aVisitor(port, await certificateOf(nodeId));
  await soon(() => expect(inside.strange).toHaveLength(5));
});

it('closes the oldest connection of a node that opens more than it needs, and none of another', async () => {
  const { inside, port } = await aDoor({ mostOfNode: 2 });
  const enter = async (id: string) => {
    const before = inside.known.length;
    const visitor = aVisitor(port, await certificateOf(id));
    await soon(() => expect(inside.known).toHaveLength(before + 1));
    return visitor;
  };
  const [first, second, foreign] = [await enter(nodeId), await enter(nodeId), await enter(other)];
  const closed = once(first, 'close');
  await enter(nodeId);
  await closed;
  expect([second.destroyed, foreign.destroyed]).toEqual([false, false]);
});

it('keeps no more of a node that opens many at the same moment', async () => {
  const { inside, port } = await aDoor({ mostOfNode: 2, handshakes: { ...few, mostOfSource: 8 } });
  const certificate = await certificateOf(nodeId);
  for (let number = 0; number < 8; number++) aVisitor(port, certificate);
  await soon(() => expect(inside.known).toHaveLength(8));
  expect(inside.known.filter(({ destroyed }) => !destroyed)).toHaveLength(2);
});

/** Opens connections and says nothing. */
function silent(port: number, count: number, localAddress: string): Socket[] {
  const all = Array.from({ length: count }, () =>
    connectTcp({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined),
  );
  for (const socket of all) socket.resume();
  closers.push(() => {
    for (const socket of all) socket.destroy();
  });
  return all;
}

it('serves others while a source opens connections by the hundred and says nothing on them', async () => {
  const { inside, port } = await aDoor();
  const sockets = silent(port, 300, '127.0.0.2');
  const closed = () => sockets.filter((socket) => socket.destroyed).length;
  // All but those that are being served or wait.
  await soon(() => expect(closed()).toBeGreaterThanOrEqual(300 - few.mostOfSource - few.mostWaitingOfSource));
  aVisitor(port, await certificateOf(nodeId));
  await soon(() => expect(inside.known).toHaveLength(1));
  // Its own connections wait behind those.
  const own = aVisitor(port, await certificateOf(other), { localAddress: '127.0.0.2' } as ConnectionOptions);
  await new Promise((resolve) => own.once('close', resolve));
  expect(inside.known).toHaveLength(1);
});

it('begins the handshakes that waited when others have ended', async () => {
  const { inside, port } = await aDoor();
  const sockets = silent(port, few.mostOfSource, '127.0.0.1');
  await Promise.all(sockets.map((socket) => socket.connecting && once(socket, 'connect')));
  aVisitor(port, await certificateOf(nodeId));
  aVisitor(port, await certificateOf(other));
  expect(inside.known).toEqual([]);
  for (const socket of sockets.slice(1)) socket.destroy();
  await soon(() => expect(inside.known).toHaveLength(2));
});

it('says where it could not listen', async () => {
  const [{ port }, { door }] = [await aDoor(), await aDoor()];
  door.close();
  await expect(door.listen(`127.0.0.1:${port}`)).rejects.toThrow(/EADDRINUSE/);
});
