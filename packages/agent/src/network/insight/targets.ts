import {
  bridgesOf,
  ingressName,
  type Network,
  type NetworkState,
  type ServiceEndpoints,
} from '../state/index.ts';
import type { Attempt } from './attempt.ts';

/** Something that users do, to be tried from where they do it. */
export interface Target {
  /** The host whose container or port it is; empty where any container may answer. */
  readonly nodeId: string;
  readonly by: 'address' | 'name' | 'vip' | 'port';
  /** Network whose container tries it; undefined: the host itself. */
  readonly from: string | undefined;
  readonly attempt: Attempt;
  /** What it is, for people. */
  readonly what: string;
}

export interface Targets {
  /** Of each kind, network and host the first comes before the second of any. */
  readonly targets: readonly Target[];
  /** Beyond `mostEach`. */
  readonly left: number;
}

/** Of each kind, network and host. */
const mostEach = 32;

/** Networks of this host whose containers can try something. */
export const triableNetworks = ({ networks }: NetworkState): Network[] =>
  [...networks.values()].filter((network) => network.name !== ingressName && bridgesOf(network).length > 0);

/**
 * What there is to try from this host: other hosts' containers by their addresses and names, services by their VIPs and
 * names, published ports on every host. `nodeIds`: the other hosts in question; `from`: the networks with a container here.
 */
export function targetsOf(
  state: NetworkState,
  nodeIds: readonly string[],
  from: ReadonlySet<string>,
): Targets {
  const found = new Collection();
  const scope = { state, asked: new Set(nodeIds), namesakes: namesakesOf(state) };
  const networks = triableNetworks(state).filter(({ id }) => from.has(id));
  for (const service of state.services.values()) {
    for (const network of networks) inNetwork(found, service, network, scope);
    published(found, service, scope);
  }
  return { targets: found.byTurns(), left: found.left };
}

class Collection {
  readonly #groups = new Map<string, Target[]>();
  left = 0;

  add(
    by: Target['by'],
    from: string | undefined,
    nodeId: string,
    rest: () => Pick<Target, 'attempt' | 'what'>,
  ) {
    const key = `${by} ${from} ${nodeId}`;
    const group = this.#groups.get(key) ?? [];
    this.#groups.set(key, group);
    if (group.length < mostEach) group.push({ nodeId, by, from, ...rest() });
    else this.left++;
  }

  byTurns(): Target[] {
    const groups = [...this.#groups.values()];
    return Array.from({ length: mostEach }, (_, turn) =>
      groups.flatMap((group) => group.slice(turn, turn + 1)),
    ).flat();
  }
}

interface Scope {
  readonly state: NetworkState;
  readonly asked: ReadonlySet<string>;
  readonly namesakes: ReadonlyMap<string, readonly ServiceEndpoints[]>;
}

function inNetwork(
  found: Collection,
  service: ServiceEndpoints,
  network: Network,
  { asked, namesakes }: Scope,
): void {
  const attachment = service.attachments.find(({ networkId }) => networkId === network.id);
  if (!attachment || !service.endpoints.some(({ addresses }) => addresses[network.id])) return;
  const on = `on network ${network.name}`;
  for (const { nodeId, taskName, addresses } of service.endpoints) {
    const address = addresses[network.id];
    if (!address || !asked.has(nodeId)) continue;
    const what = `${taskName} (${address}) ${on}`;
    found.add('address', network.id, nodeId, () => ({ attempt: { kind: 'ping', address }, what }));
    const all = Object.values(addresses);
    found.add('name', network.id, nodeId, () => ({
      attempt: { kind: 'name', name: taskName, addresses: all },
      what,
    }));
  }
  found.add('name', network.id, '', () => ({
    attempt: {
      kind: 'name',
      name: service.name,
      addresses: (namesakes.get(service.name) ?? []).flatMap(addressesOf),
    },
    what: `${service.name} ${on}`,
  }));
  const { vip } = attachment;
  if (vip)
    found.add('vip', network.id, '', () => ({
      attempt: { kind: 'ping', address: vip },
      what: `${service.name} (${vip}) ${on}`,
    }));
}

/** A port leads to any endpoint, so the way to each is tried, too: that of published ports, from the host itself. */
function published(found: Collection, service: ServiceEndpoints, { state, asked }: Scope): void {
  const { self, peers, networks } = state;
  const ingress = [...networks.values()].find(({ name }) => name === ingressName);
  if (!ingress || service.published.length === 0) return;
  const endpoints = service.endpoints.filter(({ addresses }) => addresses[ingress.id]);
  if (endpoints.length === 0) return;
  for (const { nodeId, taskName, addresses } of endpoints) {
    const address = addresses[ingress.id] ?? '';
    if (asked.has(nodeId))
      found.add('address', undefined, nodeId, () => ({
        attempt: { kind: 'ping', address },
        what: `${taskName} (${address}) behind published ports`,
      }));
  }
  const port = service.published.find(({ protocol }) => protocol === 'tcp')?.published;
  if (port === undefined) return;
  for (const nodeId of [self.nodeId, ...asked]) {
    const address = nodeId === self.nodeId ? self.address : peers.get(nodeId)?.address;
    if (address)
      found.add('port', undefined, nodeId, () => ({
        attempt: { kind: 'connect', address, port },
        what: `port ${port} of ${service.name}`,
      }));
  }
}

/** Who bears a name: a container on several networks may be told of any of them. */
function namesakesOf({ services }: NetworkState): Map<string, ServiceEndpoints[]> {
  const all = new Map<string, ServiceEndpoints[]>();
  for (const service of services.values())
    for (const name of new Set([service.name, ...service.attachments.flatMap(({ aliases }) => aliases)])) {
      const those = all.get(name);
      if (those) those.push(service);
      else all.set(name, [service]);
    }
  return all;
}

const addressesOf = ({ attachments, endpoints }: ServiceEndpoints): string[] => [
  ...attachments.map(({ vip }) => vip).filter((vip) => vip !== ''),
  ...endpoints.flatMap(({ addresses }) => Object.values(addresses)),
];

/** Says whether what was tried is still there: a task may have ended, and a service gone, meanwhile. */
export function stillThere({ services }: NetworkState): (target: Target) => boolean {
  const addresses = new Set([...services.values()].flatMap(addressesOf));
  const ports = new Set(
    [...services.values()]
      .filter(({ endpoints }) => endpoints.length > 0)
      .flatMap((service) => service.published.map((port) => port.published)),
  );
  return ({ attempt }) => {
    if (attempt.kind === 'connect') return ports.has(attempt.port);
    const tried = attempt.kind === 'ping' ? [attempt.address] : attempt.addresses;
    return tried.some((address) => addresses.has(address));
  };
}
