import { formatBlock, overlaps, parseBlock } from '@shoal/proto/rules';
import { ingressId, ingressName, type Network, type NetworkSpec } from '../model/index.ts';
import type { ReadView, Tx } from '../store/index.ts';
import { nextSubnet, occupied } from './usage.ts';

/** A subnet that was asked for is not free. The text begins as Docker's. */
export class OverlapError extends Error {
  override readonly name = 'OverlapError';
}

/** No subnet is left to give. The text begins as Docker's. */
export class PoolsUsedUpError extends Error {
  override readonly name = 'PoolsUsedUpError';
}

/**
 * Number and addresses for a new network. `spec` is checked already; only what others have is looked at here.
 * Throws OverlapError and PoolsUsedUpError.
 */
export function allocateNetwork(
  view: Pick<ReadView, 'networks' | 'nodes'>,
  spec: NetworkSpec,
): Network['shoal'] {
  const configs = spec.IPAM?.Config ?? [];
  const named = configs.flatMap(({ Subnet }) => Subnet || []);
  for (const cidr of named) refuseOverlap(view, cidr);
  const ranges = configs.flatMap(({ IPRange }) => IPRange || []);
  const reserved = configs.flatMap(({ Gateway, AuxiliaryAddresses }) => [
    ...(Gateway ? [Gateway] : []),
    ...Object.values(AuxiliaryAddresses ?? {}),
  ]);
  return {
    number: lowestFree([...view.networks.all()].map(({ shoal }) => shoal.number)),
    subnets: named.length > 0 || spec.Driver === 'bridge' ? named : [poolSubnet(view)],
    slices: [],
    ...(ranges.length > 0 && { ranges }),
    ...(reserved.length > 0 && { reserved }),
    grows: named.length === 0 && spec.Driver !== 'bridge',
  };
}

function refuseOverlap(view: Pick<ReadView, 'networks' | 'nodes'>, cidr: string): void {
  const hit = occupied(view).find(({ block }) => overlaps(block, parseBlock(cidr)));
  if (!hit) return;
  throw new OverlapError(
    `Pool overlaps with other one on this address space: subnet ${cidr} and ${hit.by}; choose another --subnet`,
  );
}

function poolSubnet(view: Pick<ReadView, 'networks' | 'nodes'>): string {
  const block = nextSubnet(view);
  if (block) return formatBlock(block);
  throw new PoolsUsedUpError(
    'all predefined address pools have been fully subnetted: remove networks that are not used, or name a --subnet',
  );
}

function lowestFree(taken: readonly number[]): number {
  const used = new Set(taken);
  let number = 1;
  while (used.has(number)) number++;
  return number;
}

/** The network that published ports travel on, unless it is there. */
export function createIngress(tx: Tx): void {
  if (tx.networks.get(ingressId)) return;
  const Spec: NetworkSpec = { Name: ingressName, Driver: 'overlay', Ingress: true, Labels: {}, Options: {} };
  tx.networks.create({ ID: ingressId, Spec, shoal: allocateNetwork(tx, Spec) });
}
