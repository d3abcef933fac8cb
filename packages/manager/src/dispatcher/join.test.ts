import { Hello, NodeFacts, protocolVersion } from '@shoal/proto';
import { expect, it } from 'vitest';
import { sawSpec } from '../model/common.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { Store } from '../store/index.ts';
import { aNode } from '../testing.ts';
import { join, withFacts } from './join.ts';

const context = { clock: () => 0, managerAddr: '' };

it('what an agent says of its node does not let a change through that was made from an old look at it', () => {
  const drained = aNode('n1', { Version: { Index: 8 }, shoal: { number: 1, images: [], replacedIndex: 7 } });
  const told = withFacts(drained, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(sawSpec(7, told)).toBe(false);
});

it('a node that was removed and joins again under its id is another one for who read it before', async () => {
  const store = await Store.open(memoryBackend(), context.clock);
  await store.update((tx) =>
    tx.clusters.create({
      ID: 'c',
      JoinTokens: { Worker: 'token', Manager: '' },
      TaskHistoryRetentionLimit: 5,
    }),
  );
  const hello = (nodeId: string) =>
    Hello.fromPartial({
      protocol: protocolVersion,
      joinToken: 'token',
      nodeId,
      facts: { hostname: 'n1' },
    });
  const joins = (nodeId: string) =>
    store.update((tx) => join(tx, hello(nodeId), { ...context, ids: () => 'a'.repeat(25) }));
  const first = await joins('');
  const heardAgain = await joins(first.ID);
  expect(sawSpec(first.Version.Index, heardAgain)).toBe(true);
  await store.update((tx) => tx.nodes.remove(first.ID));
  const second = await joins(first.ID);
  expect(second.ID).toBe(first.ID);
  expect(sawSpec(heardAgain.Version.Index, second)).toBe(false);
  expect(sawSpec(second.Version.Index, second)).toBe(true);
});

it('what a host is short of stands at its node until its agent says nothing of it any more', () => {
  const pressures = [{ kind: 'memory', message: 'short of memory: 1 MiB available of 2 GiB' }];
  const told = withFacts(aNode('n1'), NodeFacts.fromPartial({ hostname: 'n1', pressures }), context);
  expect([told.Status.State, told.shoal.pressures]).toEqual(['ready', pressures]);
  const eased = withFacts(told, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(eased.shoal.pressures).toBeUndefined();
});

it('what listens on a host stands at its node until its agent says nothing of it any more', () => {
  const sshd = { protocol: 'tcp', port: 22, process: 'sshd', pid: 812, serviceId: '' };
  const unseen = { protocol: 'udp', port: 4789, process: '', pid: 0, serviceId: '' };
  const ours = { protocol: 'tcp', port: 90, process: 'web', pid: 40, serviceId: 's1' };
  const listeners = [sshd, unseen, ours];
  const told = withFacts(aNode('n1'), NodeFacts.fromPartial({ hostname: 'n1', listeners }), context);
  expect(told.shoal.listeners).toEqual([
    { protocol: 'tcp', port: 22, process: 'sshd', pid: 812 },
    { protocol: 'udp', port: 4789 },
    { protocol: 'tcp', port: 90, process: 'web', pid: 40, serviceId: 's1' },
  ]);
  const quiet = withFacts(told, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(quiet.shoal.listeners).toBeUndefined();
});
