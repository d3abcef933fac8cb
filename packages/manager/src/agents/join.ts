import { timingSafeEqual } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type Hello, type NodeFacts, protocolVersion } from '@shoal/proto';
import { closedNetworks, makeWay, trespass } from '../allocator/index.ts';
import type { Clock, Ids } from '../effects.ts';
import { managerAddress } from '../manager-address.ts';
import { countingFalls, type Node } from '../model/index.ts';
import type { Tx } from '../store/index.ts';
import { listener, nodeDescription, underlayOf } from './from-proto.ts';

/** Why an agent may not join; the text goes to the agent's log. */
export class JoinRefused extends Error {
  override readonly name = 'JoinRefused';
}

export interface JoinContext {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Where the manager listens for agents. */
  readonly managerAddr: string;
}

/**
 * The node an agent's greeting stands for, made or brought up to date. Throws JoinRefused.
 * An id the store does not know is taken as it is: the node was removed, or the manager's state was lost.
 */
export function join(tx: Tx, hello: Hello, context: JoinContext): Node {
  if (hello.protocol !== protocolVersion) {
    throw new JoinRefused(
      `this manager speaks protocol ${protocolVersion}, the agent ${hello.protocol}: bring both to the same version`,
    );
  }
  const [cluster] = tx.clusters.all();
  if (!cluster || !sameSecret(hello.joinToken, cluster.JoinTokens.Worker)) {
    throw new JoinRefused('the join token is not valid for this cluster');
  }
  if (!hello.facts) throw new JoinRefused('the greeting lacks the facts about the node');
  const known = hello.nodeId ? tx.nodes.get(hello.nodeId) : undefined;
  if (known) return admit(tx, tx.nodes.update(withFacts(known, hello.facts, context)), known);
  const id = /^[a-z0-9]{25}$/.test(hello.nodeId) ? hello.nodeId : context.ids();
  const fresh = withFacts(
    {
      ID: id,
      Version: { Index: 0 },
      CreatedAt: '',
      UpdatedAt: '',
      Spec: { Role: 'worker', Availability: 'active', Labels: {} },
      Description: {},
      Status: { State: 'unknown' },
      shoal: { number: freeNumber(tx), images: [], replacedIndex: tx.revision - 1 },
    },
    hello.facts,
    context,
  );
  return admit(tx, tx.nodes.create(fresh), undefined);
}

/**
 * One that is in use and holds the host's own address would have it cut off by all others: it may not come with such an
 * address.
 */
function admit(tx: Tx, node: Node, before: Node | undefined): Node {
  const fitted = fitNetworks(tx, node, before);
  const trouble = before?.Status.Addr === node.Status.Addr ? undefined : trespass(tx, node);
  if (trouble) throw new JoinRefused(trouble);
  return fitted;
}

/** Where the host needs other addresses than before: networks that nobody uses yet make way, of others it has no part. */
export function fitNetworks(tx: Tx, node: Node, before: Node | undefined): Node {
  const isSame =
    before?.Status.Addr === node.Status.Addr &&
    isDeepStrictEqual(before?.shoal.underlay, node.shoal.underlay);
  if (isSame) return node;
  makeWay(tx, node);
  const closedTo = closedNetworks(tx, node);
  const { closedTo: _, ...shoal } = node.shoal;
  return tx.nodes.update({ ...node, shoal: { ...shoal, ...(closedTo.length > 0 && { closedTo }) } });
}

/** The node with what its agent says of it. A node in trouble takes no tasks, and loses those it has. */
export function withFacts(
  node: Node,
  facts: NodeFacts,
  { clock, managerAddr }: Pick<JoinContext, 'clock' | 'managerAddr'>,
): Node {
  const { ManagerStatus: _, ...rest } = node;
  const told: Node = {
    ...rest,
    Spec: { ...node.Spec, Role: facts.runsManager ? 'manager' : 'worker' },
    Description: nodeDescription(facts),
    Status: {
      State: facts.trouble ? 'down' : 'ready',
      ...(facts.trouble && { Message: facts.trouble }),
      Addr: facts.address,
    },
    ...(facts.runsManager && {
      ManagerStatus: {
        Leader: true,
        Reachability: 'reachable' as const,
        Addr: managerAddress(managerAddr, facts.address),
      },
    }),
    shoal: {
      number: node.shoal.number,
      ...(node.shoal.replacedIndex !== undefined && { replacedIndex: node.shoal.replacedIndex }),
      ...(facts.overlayKey && { key: facts.overlayKey }),
      ...(facts.probePort > 0 && facts.probePort < 65_536 && { probePort: facts.probePort }),
      ...(facts.underlay && { underlay: underlayOf(facts.underlay) }),
      ...(node.shoal.closedTo && { closedTo: node.shoal.closedTo }),
      ...(node.shoal.falls && { falls: node.shoal.falls }),
      images: facts.images,
      ...(facts.pressures.length > 0 && { pressures: facts.pressures }),
      ...(facts.listeners.length > 0 && { listeners: facts.listeners.map(listener) }),
    },
  };
  return countingFalls(node, told, clock());
}

/** The lowest number no node has: it comes back into use once a node is removed. */
function freeNumber(tx: Tx): number {
  const taken = new Set([...tx.nodes.all()].map(({ shoal }) => shoal.number));
  let number = 1;
  while (taken.has(number)) number++;
  return number;
}

function sameSecret(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
