import { bridgesOf } from '../bridge-plan.ts';
import { parseAddress, parseBlock } from '../cidr.ts';
import { originMark, tunnelMac } from '../names.ts';
import { ingressName, type Network, type NetworkState } from '../state.ts';
import { baseChains } from './base-rules.ts';
import { fromChain, networkChains, toChain } from './networks.ts';
import { serviceRules } from './services.ts';
import { type Chain, type Elements, type SetName, setNames, shapeChain, type Table } from './table.ts';

/** All that our table shall hold. Throws if the state holds something that is no address or port. */
export function desiredTable(state: NetworkState): Table {
  const networks = [...state.networks.values()];
  for (const network of networks) checkNetwork(network);
  const ingress = networks.find(({ name }) => name === ingressName);
  const services = serviceRules(state, ingress?.id);
  const bases = baseChains(ingress);
  const chains = new Map<string, Chain>([
    [shapeChain([...bases.values()].map(({ base }) => base)), { base: '', rules: [] }],
    ...bases,
    ...networks.flatMap((network) => (bridgesOf(network).length > 0 ? [...networkChains(network)] : [])),
    ...services.chains,
  ]);
  const elements: Partial<Record<SetName, Elements>> = {
    ...Object.fromEntries(services.elements),
    ...networkElements(networks),
    ...hostElements(state),
  };
  return { chains, sets: new Map(setNames.map((name) => [name, elements[name] ?? new Map()])) };
}

function networkElements(networks: readonly Network[]): Partial<Record<SetName, Elements>> {
  const byBridge = (target: (network: Network) => string) =>
    new Map(
      networks.flatMap((network) =>
        bridgesOf(network).map(({ bridge }): [string, string] => [bridge, `goto ${target(network)}`]),
      ),
    );
  return { from_network: byBridge(fromChain), to_network: byBridge(toChain) };
}

function hostElements({ self, peers }: NetworkState): Partial<Record<SetName, Elements>> {
  const others = [...peers.values()];
  for (const { address } of [self, ...others]) parseAddress(address);
  return {
    hosts: new Map([self, ...others].map(({ address }) => [address, ''])),
    zones: new Map(others.map(({ number }) => [tunnelMac(number), String(number)])),
    origins: new Map(others.map(({ number }) => [tunnelMac(number), String(originMark + number)])),
  };
}

/** What goes into rules as text must be what it says it is. */
function checkNetwork(network: Network): void {
  const peers = network.peerSlices.flatMap(({ slices }) => slices);
  for (const block of [...network.subnets, ...network.slices, ...peers]) parseBlock(block);
  if (!Number.isInteger(network.number) || network.number < 1 || network.number > 65_535)
    throw new Error(`network ${network.name} has the number ${network.number}, not one of 1 … 65535`);
}
