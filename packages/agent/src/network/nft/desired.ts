import { blockOf, requireAddress } from '@shoal/proto/rules';
import {
  bridgesOf,
  ingressName,
  type Network,
  type NetworkState,
  originMark,
  type Peer,
  type ServiceEndpoints,
  vxlanMac,
} from '../state/index.ts';
import { baseChains, departingChain, type HostRules, usualRules } from './base-rules.ts';
import { fromChain, networkChains, toChain } from './networks.ts';
import { servicePart } from './services.ts';
import { type Chain, type Elements, type Part, type SetName, shapeChain, type TablePlan } from './table.ts';
import { renderTimeouts } from './tcp-timeouts.ts';

/** All that our table should hold. Throws if the state holds something that is no address or port. */
export function planTable(state: NetworkState, host = usualRules): TablePlan {
  const context = contextOf(state, host);
  return {
    base: context.base,
    services: new Map(
      [...state.services].map(([id, service]) => {
        let part = context.services.get(service);
        if (!part) {
          part = servicePart(service, state, context.ingressId);
          context.services.set(service, part);
        }
        return [id, part];
      }),
    ),
  };
}

/** Results for the same networks and hosts, kept for as long as these objects are in use. */
interface Context {
  readonly host: HostRules;
  readonly self: Peer;
  readonly peers: NetworkState['peers'];
  readonly base: Part;
  readonly ingressId: string | undefined;
  readonly services: WeakMap<ServiceEndpoints, Part>;
}
const contexts = new WeakMap<NetworkState['networks'], Context>();

function contextOf(state: NetworkState, host: HostRules): Context {
  const { self, peers, networks } = state;
  const known = contexts.get(networks);
  if (known && known.self === self && known.peers === peers && known.host === host) return known;
  const ingress = [...networks.values()].find(({ name }) => name === ingressName);
  const base = basePart(state, ingress, host);
  const context = { host, self, peers, base, ingressId: ingress?.id, services: new WeakMap() };
  contexts.set(networks, context);
  return context;
}

function basePart(state: NetworkState, ingress: Network | undefined, host: HostRules): Part {
  const networks = [...state.networks.values()];
  for (const network of networks) checkNetwork(network);
  for (const address of host.probes ? [host.probes.address, ...host.probes.managers] : [])
    requireAddress(address);
  const bases = baseChains(ingress, host);
  const { timeouts } = host;
  const fixed = [...[...bases.values()].map(({ base }) => base), timeouts ? renderTimeouts(timeouts) : ''];
  return {
    chains: new Map<string, Chain>([
      [shapeChain(fixed), { base: '', rules: [] }],
      ...bases,
      ...departingChain(host),
      ...networks.flatMap((network) => (bridgesOf(network).length > 0 ? [...networkChains(network)] : [])),
    ]),
    elements: new Map([...networkElements(networks), ...hostElements(state)]),
    ...(timeouts && { timeouts }),
  };
}

function networkElements(networks: readonly Network[]): [SetName, Elements][] {
  const byBridge = (target: (network: Network) => string) =>
    new Map(
      networks.flatMap((network) =>
        bridgesOf(network).map(({ bridge }): [string, string] => [bridge, `goto ${target(network)}`]),
      ),
    );
  return [
    ['from_network', byBridge(fromChain)],
    ['to_network', byBridge(toChain)],
    [
      'gateways',
      new Map(networks.flatMap((network) => bridgesOf(network).map(({ gateway }) => [gateway, '']))),
    ],
  ];
}

function hostElements({ self, peers }: NetworkState): [SetName, Elements][] {
  const others = [...peers.values()];
  for (const { address } of [self, ...others]) requireAddress(address);
  return [
    ['hosts', new Map([self, ...others].map(({ address }) => [address, '']))],
    ['zones', new Map(others.map(({ number }) => [vxlanMac(number), String(number)]))],
    ['origins', new Map(others.map(({ number }) => [vxlanMac(number), String(originMark + number)]))],
  ];
}

/** What goes into rules as text must be what it says it is. */
function checkNetwork(network: Network): void {
  const peers = network.peerSlices.flatMap(({ slices }) => slices);
  for (const block of [...network.subnets, ...network.slices, ...peers]) blockOf(block);
  if (!Number.isInteger(network.number) || network.number < 1 || network.number > 65_535)
    throw new Error(`network ${network.name} has the number ${network.number}, not one of 1 … 65535`);
}
