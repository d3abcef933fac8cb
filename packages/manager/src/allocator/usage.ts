import {
  type Block,
  betweenHostsRange,
  blockAt,
  holds,
  hostNetworkPrefix,
  parseAddress,
  parseBlock,
} from '@shoal/proto/rules';
import {
  compareStates,
  isTerminal,
  isWanted,
  type Network,
  type Node,
  stateOf,
  type Task,
} from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import { withoutSpare } from './spare.ts';
import { type Cut, cutSlices, freeSubnet, type Need, vipOwner } from './subnets.ts';

/** How long a node keeps its slices without a task on the network: the next one often comes at once. */
export const idleMs = 30_000;

/** The task's own address there. Undefined for one that has ended: its address is free. */
export function addressOn(task: Task, networkId: string): string | undefined {
  if (isTerminal(stateOf(task))) return undefined;
  return task.shoal.attachments?.find((attachment) => attachment.networkId === networkId)?.address;
}

/** It has its node, shall run there, and waits for an address. */
export const waitsFor = (task: Task, networkId: string): boolean =>
  compareStates(stateOf(task), 'assigned') >= 0 &&
  !isTerminal(stateOf(task)) &&
  isWanted(task) &&
  (task.shoal.networks?.includes(networkId) ?? false) &&
  addressOn(task, networkId) === undefined;

/** Addresses that services have for themselves on the network. */
export const vipsOn = (view: Pick<ReadView, 'services'>, networkId: string): string[] =>
  view.services
    .by('network', networkId)
    .flatMap(({ shoal }) => shoal.attachments ?? [])
    .flatMap((attachment) => (attachment.networkId === networkId && attachment.vip ? [attachment.vip] : []));

/** What is taken and what is wanted on a network, as its tasks and services have it. */
export interface Usage {
  /** Addresses that nobody may get any more. */
  readonly taken: Set<string>;
  /** Addresses that each node's tasks have or wait for, and those of the services. */
  readonly needs: ReadonlyMap<string, number>;
  readonly waiting: readonly Task[];
  /** Nothing is attached any more. */
  readonly isEmpty: boolean;
}

/** In one pass: networks may have as many tasks as the cluster. */
export function usageOf(view: ReadView, { ID, shoal }: Network): Usage {
  const tasks = view.tasks.by('network', ID);
  const vips = vipsOn(view, ID);
  const taken = new Set([...(shoal.reserved ?? []), ...vips]);
  const needs = new Map<string, number>();
  if (vips.length > 0) needs.set(vipOwner, vips.length);
  const waiting: Task[] = [];
  for (const task of tasks) {
    const address = addressOn(task, ID);
    if (address) taken.add(address);
    else if (address === undefined && waitsFor(task, ID)) waiting.push(task);
    else continue;
    if (task.NodeID) needs.set(task.NodeID, (needs.get(task.NodeID) ?? 0) + 1);
  }
  const isEmpty = tasks.length === 0 && view.services.by('network', ID).length === 0;
  return { taken, needs, waiting, isEmpty };
}

/** Blocks that no new subnet may overlap, and who has them. */
export interface Occupied {
  readonly block: Block;
  readonly by: string;
  /** A network that is there by now, and overlaps it, would do a host harm. */
  readonly harms?: boolean;
}

/** Addresses that mean something else on every host. */
export const reservedOnHosts: readonly Occupied[] = [
  ['0.0.0.0/8', 'those of no host'],
  ['127.0.0.0/8', 'the loopback addresses of each host'],
  ['169.254.0.0/16', 'the link-local addresses of each host'],
  [betweenHostsRange, 'those that hosts have in VXLAN and WireGuard'],
  ['224.0.0.0/3', 'the multicast and reserved addresses'],
].map(([cidr = '', by = '']) => ({ block: parseBlock(cidr), by: `${by} (${cidr})` }));

export function occupied(view: Pick<ReadView, 'networks' | 'nodes'>): Occupied[] {
  const ofNetworks = [...view.networks.all()].flatMap(({ Spec, shoal }) =>
    shoal.subnets.map((cidr) => ({
      block: parseBlock(cidr),
      by: `network ${Spec.Name} (${cidr})${shoal.removing ? ', which is being removed' : ''}`,
    })),
  );
  return [...reservedOnHosts, ...ofNetworks, ...[...view.nodes.all()].flatMap(neededBy)];
}

/**
 * What a host needs for itself: its address, its way to the manager, to names and to the world, its links, and Docker's
 * default bridge. Of a very large link only what is around its address: else nothing would be left for networks.
 */
export function neededBy({ reported }: Node): Occupied[] {
  const { addresses = [], subnets = [], defaultBridge } = reported.underlay ?? {};
  const own = reported.address;
  const host = `node ${reported.description.Hostname}`;
  const single = [...new Set([own, ...addresses])].flatMap((text): Occupied[] => {
    const base = parseAddress(text);
    const by = text === own ? `${host} (${text})` : `${text}, which ${host} needs`;
    return base === undefined ? [] : [{ block: { base, prefix: 32 }, by, harms: true }];
  });
  const links = subnets.map((cidr): Occupied => {
    const link = parseBlock(cidr);
    const near = around({ base: parseAddress(own) ?? link.base, prefix: 32 });
    const block = link.prefix < hostNetworkPrefix ? near : link;
    return { block, by: `a link of ${host} (${cidr})` };
  });
  const bridge: Occupied[] = defaultBridge
    ? [
        {
          block: parseBlock(defaultBridge),
          by: `Docker's default bridge on ${host} (${defaultBridge})`,
          harms: true,
        },
      ]
    : [];
  return [...single, ...bridge, ...links];
}

/** The next subnet for a network that has `own` by now; undefined when the pools are used up. */
export const nextSubnet = (
  view: Pick<ReadView, 'networks' | 'nodes'>,
  own: readonly string[] = [],
): Block | undefined =>
  freeSubnet([
    ...own.map(parseBlock),
    ...occupied(view).map(({ block }) => (block.prefix === 32 ? around(block) : block)),
  ]);

const around = ({ base }: Block): Block => blockAt(base, hostNetworkPrefix);

/**
 * The network's slices for these needs. Owners without a need keep theirs for `idleMs`, and all keep what they grew
 * by, unless somebody else would get too little for that. `short` names those who still did.
 */
export function recut(
  shoal: Network['shoal'],
  { needs, taken }: Pick<Usage, 'needs' | 'taken'>,
  newSubnet: (own: readonly string[]) => Block | undefined,
  now: number,
): { shoal: Network['shoal']; short: readonly string[] } {
  const active: Need[] = [...needs].map(([owner, addresses]) => ({ owner, addresses }));
  const idle = shoal.slices.filter(({ owner }) => !needs.has(owner));
  const kept = idle.filter(({ idleSince = now }) => idleSince + idleMs > now);
  const keepers = [...new Set(kept.map(({ owner }) => owner))].map((owner) => ({ owner, addresses: 1 }));
  let result = cutSlices(shoal, [...active, ...keepers], () => undefined);
  if (result.short.length > 0) {
    result = cutSlices({ ...shoal, slices: withoutSpare(shoal, needs, taken) }, active, newSubnet);
  }
  const slices = result.cut.slices.map(({ owner, cidr, idleSince = now }) =>
    needs.has(owner) ? { owner, cidr } : { owner, cidr, idleSince },
  );
  return { shoal: { ...result.cut, slices, subnets: usedSubnets(result.cut, slices) }, short: result.short };
}

/** A network that has grown shrinks again, down to its first subnet. */
function usedSubnets({ subnets, grows }: Cut, slices: readonly { readonly cidr: string }[]): string[] {
  const blocks = slices.map(({ cidr }) => parseBlock(cidr));
  return subnets.filter((cidr, i) => {
    const subnet = parseBlock(cidr);
    return i === 0 || !grows || blocks.some(({ base }) => holds(subnet, base));
  });
}

/** In words, for people: what is full and what to do about it. */
export const fullText = ({ Spec, shoal }: Network): string =>
  shoal.grows
    ? `no addresses left for network ${Spec.Name}: the pools of subnets are used up; remove networks that are not used`
    : `no addresses left in network ${Spec.Name} (${shoal.subnets.join(', ')}): create it with a larger --subnet`;
