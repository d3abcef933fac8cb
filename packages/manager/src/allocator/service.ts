import {
  ingressId,
  isIngressPort,
  listenerAt,
  type Network,
  networksOf,
  type PortConfig,
  publishedKey,
  type Service,
  type ServiceAttachment,
  type ServiceSpec,
} from '../model/index.ts';
import { type ReadView, type Tx, vipIndexKey } from '../store/index.ts';
import { NeededPortError, neededFor, neededPorts } from './needed-ports.ts';
import { allocatePorts, type Holder } from './ports.ts';
import { freeAddress, vipOwner } from './subnets.ts';
import { fullText, nextSubnet, recut, usageOf } from './usage.ts';

/** No address is left. The text says where, and what to do. */
export class NoAddressError extends Error {
  override readonly name = 'NoAddressError';
}

/** What a service has of the cluster's networks and ports. */
export type Allocated = Required<Pick<Service['shoal'], 'attachments' | 'ports'>>;

/**
 * The networks, own addresses and published ports that `spec` asks for; what the service has by now stays. May
 * give its networks another slice of service addresses. Throws PortTakenError, NeededPortError, NoPortError and
 * NoAddressError.
 */
export function allocateService(
  tx: Tx,
  id: string,
  spec: ServiceSpec,
  previous: Partial<Allocated>,
  now: number,
): Allocated {
  const wanted = spec.EndpointSpec?.Ports ?? [];
  const ports = wanted.length === 0 ? [] : allocatePublished(tx, id, wanted, previous.ports ?? []);
  return { attachments: allocateAttachments(tx, id, spec, previous.attachments ?? [], now), ports };
}

function allocatePublished(
  tx: Tx,
  id: string,
  wanted: readonly PortConfig[],
  previous: readonly PortConfig[],
): PortConfig[] {
  const needed = neededPorts(tx);
  const had = new Set(previous.map(publishedKey));
  for (const port of wanted) {
    // Shoal came to need it later: hosts that do spare it, and in all else the service can still be changed.
    const what = had.has(publishedKey(port)) ? undefined : neededFor(port, needed);
    if (what) throw new NeededPortError(port, what);
  }
  return allocatePorts(wanted, previous, portHolders(tx, id), (port) => isListenedOn(tx, port), needed);
}

function allocateAttachments(
  tx: Tx,
  id: string,
  spec: ServiceSpec,
  previous: readonly ServiceAttachment[],
  now: number,
): ServiceAttachment[] {
  return networksOf(spec).map((networkId) => {
    const network = tx.networks.get(networkId);
    if (!network || !hasVip(spec, network)) return { networkId };
    const kept = previous.find((attachment) => attachment.networkId === networkId)?.vip;
    return { networkId, vip: kept ?? newVip(tx, network, id, now) };
  });
}

/** A bridge network is each host's own: no address is the same on all of them. */
const hasVip = ({ EndpointSpec }: ServiceSpec, { ID, Spec }: Network): boolean =>
  ID === ingressId || (EndpointSpec?.Mode !== 'dnsrr' && Spec.Driver !== 'bridge');

function newVip(tx: Tx, network: Network, serviceId: string, now: number): string {
  const free = vipInSlices(tx, network, serviceId);
  if (free !== undefined) return free;
  const { needs, taken } = usageOf(tx, network);
  const more = new Map(needs).set(vipOwner, (needs.get(vipOwner) ?? 0) + 1);
  const { shoal } = recut(network.shoal, { needs: more, taken }, (own) => nextSubnet(tx, own), now);
  const slices = shoal.slices.filter(({ owner }) => owner === vipOwner);
  const address = freeAddress(slices, taken, serviceId);
  if (address === undefined) throw new NoAddressError(fullText(network));
  tx.networks.update({ ...network, shoal });
  return address;
}

/** One of the slices in use. Its cost does not follow the number of services: the youngest slice has most room. */
function vipInSlices(tx: Tx, { ID, shoal }: Network, serviceId: string): string | undefined {
  const slices = shoal.slices.filter(({ owner, idleSince }) => owner === vipOwner && idleSince === undefined);
  const reserved = new Set(shoal.reserved);
  const has = (address: string) =>
    reserved.has(address) || tx.services.by('vip', vipIndexKey(ID, address)).length > 0;
  return freeAddress(slices.toReversed(), { has }, serviceId);
}

/** Who has which port. A service that is being removed has given its ports up. */
export function portHolders(view: Pick<ReadView, 'services'>, except: string): Map<string, Holder> {
  const holders = new Map<string, Holder>();
  for (const { ID, Spec, shoal } of view.services.all()) {
    if (ID === except || shoal.removing) continue;
    for (const port of shoal.ports ?? []) {
      if (!port.PublishedPort || holders.get(publishedKey(port))?.mode === 'ingress') continue;
      const mode = isIngressPort(port) ? 'ingress' : 'host';
      holders.set(publishedKey(port), { serviceId: ID, name: Spec.Name ?? '', mode });
    }
  }
  return holders;
}

/** Also on a host that is down: when it is back, it keeps its port. */
const isListenedOn = (view: Pick<ReadView, 'nodes'>, { Protocol, PublishedPort }: PortConfig): boolean =>
  [...view.nodes.all()].some((node) => listenerAt(node, Protocol ?? 'tcp', PublishedPort ?? 0));

/** Whether the service has what its spec asks for; an automatic rollback changes the spec alone. */
export function isAllocated(tx: Tx, { Spec, shoal }: Service): boolean {
  const { attachments = [], ports = [] } = shoal;
  const ids = networksOf(Spec);
  return (
    ids.length === attachments.length &&
    attachments.every(({ networkId, vip }, i) => {
      const network = tx.networks.get(networkId);
      return networkId === ids[i] && (!network || hasVip(Spec, network) === (vip !== undefined));
    }) &&
    samePorts(Spec.EndpointSpec?.Ports ?? [], ports)
  );
}

const samePorts = (wanted: readonly PortConfig[], ports: readonly PortConfig[]): boolean =>
  wanted.length === ports.length &&
  wanted.every((port, i) => {
    const allocated = ports[i];
    return (
      allocated !== undefined &&
      allocated.TargetPort === port.TargetPort &&
      allocated.Protocol === (port.Protocol ?? 'tcp') &&
      isIngressPort(allocated) === isIngressPort(port) &&
      (!port.PublishedPort || allocated.PublishedPort === port.PublishedPort)
    );
  });
