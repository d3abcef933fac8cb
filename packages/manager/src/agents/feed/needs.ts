import { vipOwner } from '../../allocator/index.ts';
import { isIngressPort, type Network, type Service, stateOf, type Task } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';

/** What one node has of a network. */
export interface Part {
  /** Of the slice as an object of the feed. */
  readonly id: string;
  /** CIDR. */
  readonly blocks: readonly string[];
}

/** The parts of a network by the nodes that have them. */
export type Slices = ReadonlyMap<string, Part>;

const known = new WeakMap<Network['shoal']['slices'], Slices>();

/** Asked for at every change once for each node: worked out once for as long as the slices are the same. */
export function slicesOf({ ID, shoal: { slices } }: Network): Slices {
  let found = known.get(slices);
  if (!found) {
    const owned = slices.filter(({ owner }) => owner !== vipOwner);
    const byOwner = Map.groupBy(owned, ({ owner }) => owner);
    found = new Map(
      [...byOwner].map(([owner, all]) => [
        owner,
        { id: `${ID}/${owner}`, blocks: all.map(({ cidr }) => cidr) },
      ]),
    );
    known.set(slices, found);
  }
  return found;
}

/** Every node forwards published ports on it. */
export const isEverywhere = ({ Spec }: Network): boolean => Spec.Ingress === true;

/** Each host has it for itself, and needs it only for its own tasks. */
export const isLocal = ({ Spec }: Network): boolean => Spec.Driver === 'bridge';

/** The network is the node's business: it has a part of it, or forwards published ports on it. */
export function needsNetwork(view: ReadView, network: Network, nodeId: string): boolean {
  if (isEverywhere(network) || slicesOf(network).has(nodeId)) return true;
  if (!isLocal(network)) return false;
  return view.tasks.by('node', nodeId).some(({ shoal }) => shoal.networks?.includes(network.ID));
}

/** Every node answers its published ports. */
export const isPublished = ({ shoal }: Service): boolean => shoal.ports?.some(isIngressPort) ?? false;

/** The node has containers that may call the service, or answers its published ports. */
export const needsService = (view: ReadView, service: Service, nodeId: string): boolean =>
  isPublished(service) ||
  (service.shoal.attachments ?? []).some(({ networkId }) => {
    const network = view.networks.get(networkId);
    return network !== undefined && slicesOf(network).has(nodeId);
  });

/** The task may get traffic now. One that runs with an error (its container is unhealthy) may not. */
export const isEndpoint = (task: Task): boolean =>
  stateOf(task) === 'running' &&
  task.observed?.err === undefined &&
  task.DesiredState === 'running' &&
  (task.shoal.attachments?.length ?? 0) > 0;
