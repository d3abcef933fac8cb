import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, expect, it, vi } from 'vitest';
import { trustedRoots } from '../trust/index.ts';
import { Door } from './door.ts';
import { authority, certificateOf, clusterId, key, nodeId, sealing, trust } from './testing.ts';

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

async function aDoor({ mostStrange = 2, strangeMs = 60_000 } = {}) {
  const inside = { known: [] as TLSSocket[], strange: [] as TLSSocket[] };
  const door = new Door({
    known: (connection) => void inside.known.push(connection),
    strange: (connection) => void inside.strange.push(connection),
    mostStrange,
    strangeMs,
  });
  const own = await authority.ownCredentials({ ID: clusterId, trust }, 'm'.repeat(25));
  door.show({ key: own.key, cert: own.chain, ca: trustedRoots(trust) });
  const port = await door.listen('127.0.0.1:0');
  closers.push(() => door.close());
  return { inside, door, port };
}

function aVisitor(port: number, cert?: string): TLSSocket {
  const to = { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] };
  const visitor = connect({ ...to, ...(cert && { key, cert }) }).on('error', () => undefined);
  visitor.resume();
  closers.push(() => visitor.destroy());
  return visitor;
}

it('closes a connection without a certificate after its time, and no other', async () => {
  const { inside, port } = await aDoor({ strangeMs: 100 });
  const node = aVisitor(port, await certificateOf(nodeId));
  await vi.waitFor(() => expect(inside.known).toHaveLength(1));
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
  await vi.waitFor(() => expect(inside.strange).toHaveLength(2));
  await once(aVisitor(port), 'close');
  aVisitor(port, await certificateOf(nodeId));
  await vi.waitFor(() => expect(inside.known).toHaveLength(1));
  first.destroy();
  await vi.waitFor(() => expect(inside.strange[0]?.destroyed).toBe(true));
  aVisitor(port);
  await vi.waitFor(() => expect(inside.strange).toHaveLength(3));
});

it('says where it could not listen', async () => {
  const { port } = await aDoor();
  await expect(
    new Door({ known: vi.fn(), strange: vi.fn(), mostStrange: 1, strangeMs: 1 }).listen(`127.0.0.1:${port}`),
  ).rejects.toThrow(/EADDRINUSE/);
});
