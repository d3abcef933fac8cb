import { Hello } from '@shoal/proto';
import { describe, expect, it } from 'vitest';
import { memoryBackend } from '../store/backends/memory.ts';
import { Store } from '../store/index.ts';
import { aNode } from '../testing.ts';
import { identify, isFromHere, JoinRefused } from './identity.ts';

const id = 'a'.repeat(25);
// printf one | sha256sum
const hashOfOne = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed';
// printf two | sha256sum
const hashOfTwo = '3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3';

describe('an agent', () => {
  /** With a node whose secret is `one`. */
  async function said(hello: Partial<Hello>) {
    const store = await Store.open(memoryBackend(), () => 0);
    await store.update((tx) => {
      const JoinTokens = { Worker: 'token', Manager: 'm' };
      tx.clusters.create({ ID: 'c', JoinTokens, TaskHistoryRetentionLimit: 5 });
      tx.nodes.create(aNode(id, { allotted: { secretHash: hashOfOne } }));
    });
    return identify(store.view, Hello.fromPartial({ joinToken: 'token', nodeSecret: 'one', ...hello }));
  }

  it('is the node whose id and secret it has', async () => {
    expect(await said({ nodeId: id })).toMatchObject({ known: { ID: id } });
  });

  it('is refused with a known id and another secret, and told what to do', async () => {
    for (const nodeSecret of ['two', 'one ', hashOfOne]) {
      const refused = said({ nodeId: id, nodeSecret });
      await expect(refused).rejects.toThrow(JoinRefused);
      await expect(refused).rejects.toThrow(
        `empty state directory, and remove the old node with \`docker node rm ${id}\``,
      );
    }
  });

  it('is the node whose secret it has, when the answer that told it its id was lost', async () => {
    expect(await said({})).toMatchObject({ known: { ID: id } });
    expect(await said({ nodeId: 'b'.repeat(25) })).toMatchObject({ known: { ID: id } });
  });

  it('is new with a secret that nobody knows, and keeps the id it had, if it is one', async () => {
    const nodeSecret = 'two';
    const fresh = { secretHash: hashOfTwo, known: undefined };
    expect(await said({ nodeSecret })).toEqual({ ...fresh, formerId: undefined });
    const nodeId = 'b'.repeat(25);
    expect(await said({ nodeSecret, nodeId })).toEqual({ ...fresh, formerId: nodeId });
    expect(await said({ nodeSecret, nodeId: '../x' })).toEqual({ ...fresh, formerId: undefined });
  });

  it('has to know the join token, also with the secret of a node, and to have a secret', async () => {
    await expect(said({ nodeId: id, joinToken: 'm' })).rejects.toThrow(/join token/);
    await expect(said({ nodeSecret: '' })).rejects.toThrow(/lacks the node's secret/);
  });
});

it('a stream comes from the host itself when it has an address of it, by IPv4, IPv6 or IPv4 in IPv6', () => {
  const link = { netmask: '', mac: '', internal: false, cidr: null };
  const links = {
    lo: [{ ...link, family: 'IPv4' as const, address: '127.0.0.1' }],
    eth0: [
      { ...link, family: 'IPv4' as const, address: '192.0.2.7' },
      { ...link, family: 'IPv6' as const, address: '2001:db8::7', scopeid: 0 },
    ],
  };
  const here = ['127.0.0.1:4711', '192.0.2.7:4711', '2001:db8::7:4711', '::ffff:192.0.2.7:4711'];
  const elsewhere = ['192.0.2.70:4711', '2001:db8::8:4711', 'unknown', ''];
  expect(here.map((peer) => isFromHere(peer, links))).toEqual(here.map(() => true));
  expect(elsewhere.map((peer) => isFromHere(peer, links))).toEqual(elsewhere.map(() => false));
});
