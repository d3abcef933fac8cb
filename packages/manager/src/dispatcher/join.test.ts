import { NodeFacts } from '@shoal/proto';
import { expect, it } from 'vitest';
import { sawSpec } from '../model/common.ts';
import { aNode } from '../testing.ts';
import { withFacts } from './join.ts';

const context = { clock: () => 0, managerAddr: '' };

it('what an agent says of its node does not let a change through that was made from an old look at it', () => {
  const drained = aNode('n1', { Version: { Index: 8 }, shoal: { number: 1, images: [], replacedIndex: 7 } });
  const told = withFacts(drained, NodeFacts.fromPartial({ hostname: 'n1' }), context);
  expect(sawSpec(7, told)).toBe(false);
});

it('the manager is shown at an address that others can reach', () => {
  const facts = NodeFacts.fromPartial({ hostname: 'n1', address: '192.0.2.1', runsManager: true });
  const told = withFacts(aNode('n1'), facts, { ...context, managerAddr: '0.0.0.0:2480' });
  expect(told.ManagerStatus?.Addr).toBe('192.0.2.1:2480');
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
