import { isDeepStrictEqual } from 'node:util';
import { type Hello, type NodeFacts, oldestProtocol, protocolVersion } from '@shoal/proto';
import { addressConflict, closedNetworks, makeWay } from '../allocator/index.ts';
import type { Ids } from '../effects.ts';
import type { Node } from '../model/index.ts';
import type { Tx } from '../store/index.ts';
import type { Peer } from '../trust/index.ts';
import { reportedOf } from './from-proto.ts';
import { JoinRefused, nodeOf } from './identity.ts';

/** Throws JoinRefused. */
export function checkProtocol(protocol: number): void {
  if (protocol >= oldestProtocol && protocol <= protocolVersion) return;
  const numbers = `protocol ${protocol}, not ${protocolVersion}`;
  throw new JoinRefused(
    protocol > protocolVersion
      ? `the agent is of a newer release than this manager (${numbers}): upgrade the manager's host first`
      : `the agent is of a release too old for this manager (${numbers}): upgrade the agent's host`,
  );
}

/**
 * The node that a host becomes; the one it is already, if it asks with the same key again. `signedBy`: digest of the root that its
 * certificate will be of, so that its greeting has nothing more to say. Throws JoinRefused.
 */
export function join(
  tx: Tx,
  { protocol, facts }: { readonly protocol: number; readonly facts: NodeFacts },
  keyHash: string,
  signedBy: string,
  ids: Ids,
): Node {
  const [known] = tx.nodes.by('key', keyHash);
  if (known) return known;
  const fresh = tx.nodes.create({
    ID: ids(),
    Spec: { Availability: 'active', Labels: {} },
    reported: reportedOf(facts, protocol),
    judged: { state: 'heard' },
    allotted: { number: freeNumber(tx), keyHash, signedBy },
    replacedIndex: tx.revision - 1,
  });
  return admit(tx, fresh, undefined);
}

/** The node of an agent that connects, brought up to date. Throws JoinRefused. */
export function greet(tx: Tx, peer: Peer | undefined, { protocol, facts }: Hello): Node {
  checkProtocol(protocol);
  const node = nodeOf(tx, peer);
  if (!facts) throw new JoinRefused('the greeting lacks the facts about the node');
  const allotted = { ...node.allotted, signedBy: peer?.signedBy ?? '' };
  const now = { ...node, reported: reportedOf(facts, protocol), allotted };
  // All agents come when a manager begins to lead: those that have nothing new to say are written nowhere.
  return isDeepStrictEqual(now, node) ? node : admit(tx, tx.nodes.update(now), node);
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
