import { isDeepStrictEqual } from 'node:util';
import { type Hello, protocolVersion } from '@shoal/proto';
import { addressConflict, closedNetworks, makeWay } from '../allocator/index.ts';
import type { Ids } from '../effects.ts';
import type { Node } from '../model/index.ts';
import type { Tx } from '../store/index.ts';
import { reportedOf } from './from-proto.ts';
import { identify, JoinRefused } from './identity.ts';

/** The node an agent's greeting stands for, made or brought up to date. Throws JoinRefused. */
export function join(tx: Tx, hello: Hello, ids: Ids): Node {
  if (hello.protocol !== protocolVersion) {
    throw new JoinRefused(
      `this manager speaks protocol ${protocolVersion}, the agent ${hello.protocol}: bring both to the same version`,
    );
  }
  const identity = identify(tx, hello);
  if (!hello.facts) throw new JoinRefused('the greeting lacks the facts about the node');
  const reported = reportedOf(hello.facts);
  const { known, secretHash } = identity;
  if (known) return admit(tx, tx.nodes.update({ ...known, reported }), known);
  const fresh = tx.nodes.create({
    ID: identity.formerId ?? ids(),
    Spec: { Availability: 'active', Labels: {} },
    reported,
    judged: { state: 'heard' },
    allotted: { number: freeNumber(tx), secretHash },
    replacedIndex: tx.revision - 1,
  });
  return admit(tx, fresh, undefined);
}

/**
 * One that is in use and holds the host's own address would have it cut off by all others: it may not come with such an
 * address.
 */
function admit(tx: Tx, node: Node, before: Node | undefined): Node {
  const fitted = fitNetworks(tx, node, before);
  const trouble = before?.reported.address === node.reported.address ? undefined : addressConflict(tx, node);
  if (trouble) throw new JoinRefused(trouble);
  return fitted;
}

/** Where the host needs other addresses than before: networks that nobody uses yet make way, of others it has no part. */
export function fitNetworks(tx: Tx, node: Node, before: Node | undefined): Node {
  const isSame =
    before?.reported.address === node.reported.address &&
    isDeepStrictEqual(before.reported.underlay, node.reported.underlay);
  if (isSame) return node;
  makeWay(tx, node);
  const closedTo = closedNetworks(tx, node);
  const { closedTo: _, ...allotted } = node.allotted;
  return tx.nodes.update({ ...node, allotted: { ...allotted, ...(closedTo.length > 0 && { closedTo }) } });
}

/** One that no node has. Of the first numbers, one more than there are nodes, at least one is free. */
function freeNumber(tx: Tx): number {
  let number = tx.nodes.size + 1;
  while (tx.nodes.by('number', String(number)).length > 0) number--;
  return number;
}
