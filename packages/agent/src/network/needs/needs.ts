import type { Listener, Port } from '@shoal/proto';
import {
  betweenHostsPorts,
  betweenHostsRange,
  blockOf,
  covers,
  parseAddress,
  portKey,
} from '@shoal/proto/rules';
import type { NetworkState, ServiceEndpoints } from '../state/index.ts';

/**
 * What this host needs for itself: above all its way to the manager, from where everything wrong can be mended. The cluster's
 * networks and published ports never cut this off, whatever they are.
 */
export interface Needs {
  /** IPv4 addresses that no network may cover, and what each is. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Subnets, CIDR, that no network may overlap, and what each is. */
  readonly subnets: ReadonlyMap<string, string>;
  /** Ports of this host that lead to no service, as `tcp/2481`, and what each is for. */
  readonly ports: ReadonlyMap<string, string>;
}

/** What `needsOf` goes by, as the host has it now. */
export interface HostFacts {
  /** The address under which other hosts reach this one. */
  readonly advertiseAddr: string;
  readonly probePort: number;
  /** Addresses of the manager; none as long as its name was never resolved. */
  readonly managers: readonly string[];
  readonly managerPort: number;
  readonly runsManager: boolean;
  /** Where the host asks for names. */
  readonly resolvers: readonly string[];
  /** Next hosts on the way to the manager, to resolvers and to the world. */
  readonly gateways: readonly string[];
  /** All addresses of this host. */
  readonly own: readonly string[];
  /** Subnet of Docker's default bridge, CIDR; undefined for none. */
  readonly defaultBridge?: string | undefined;
}

const resolverPorts = ['udp/53', 'tcp/53'];
const resolverUse = "names: the host's resolver";

export function needsOf(facts: HostFacts): Needs {
  const own = new Set(facts.own);
  const isHere = (address: string) => own.has(address) || address.startsWith('127.');
  const addresses = new Map<string, string>();
  const need = (what: string, ...all: readonly string[]) => {
    for (const address of all.filter(isRemoteV4)) if (!addresses.has(address)) addresses.set(address, what);
  };
  need('this host itself', facts.advertiseAddr);
  need('the manager', ...facts.managers);
  need('a resolver of this host', ...facts.resolvers);
  need('a gateway of this host', ...facts.gateways);
  const ports = new Map([[portKey('tcp', facts.probePort), 'answers to probes'], ...betweenHostsPorts]);
  // A manager elsewhere may be reached through a port that this host publishes itself.
  if (facts.managers.some(isHere) || (facts.managers.length === 0 && facts.runsManager))
    ports.set(portKey('tcp', facts.managerPort), 'agents at the manager');
  if (facts.resolvers.some(isHere))
    for (const key of resolverPorts) if (!ports.has(key)) ports.set(key, resolverUse);
  // Docker removes its default bridge for a network that overlaps it; then no container without a network starts.
  const subnets = new Map(facts.defaultBridge ? [[facts.defaultBridge, "Docker's default bridge"]] : []);
  return { addresses, subnets, ports };
}

function isRemoteV4(address: string): boolean {
  return parseAddress(address) !== undefined && !address.startsWith('127.');
}

/** Which of the host's needs a network's subnets would cover, in words; undefined for none. */
export function coveredBy(
  { name, subnets }: { readonly name: string; readonly subnets: readonly string[] },
  needs: Needs,
): string | undefined {
  const blocks = subnets.map(blockOf);
  for (const [taken, what] of [...needs.addresses, ...needs.subnets]) {
    const other = blockOf(taken);
    const at = blocks.findIndex((block) => covers(block, other) || covers(other, block));
    if (at >= 0) return `network ${name} (${subnets[at]}) would cover ${taken}, ${what}`;
  }
  return undefined;
}

/** All networks need these addresses. */
const nobody: NetworkState['peers'] = new Map();
const betweenHosts = { name: 'of hosts in VXLAN and WireGuard', subnets: [betweenHostsRange] };

/** Why a port of this host can't be published, in words; undefined if it can. */
export function neededPort(
  { protocol, published }: Pick<Port, 'protocol' | 'published'>,
  { ports }: Needs,
): string | undefined {
  const what = ports.get(portKey(protocol, published));
  return what && `port ${published}/${protocol || 'tcp'} would lead away what this host needs for ${what}`;
}

/**
 * The manager's state less what would cut this host off: networks that cover what it needs, and published ports that it
 * needs itself. Whatever stays is the same object as before.
 */
export function withoutNeeded(state: NetworkState, needs: Needs): NetworkState {
  if (coveredBy(betweenHosts, needs)) return { ...state, peers: nobody, networks: new Map() };
  const clear = [...state.networks].filter(([, network]) => !coveredBy(network, needs));
  const networks = clear.length === state.networks.size ? state.networks : new Map(clear);
  const isNeeded = (port: ServiceEndpoints['published'][number]) => neededPort(port, needs) !== undefined;
  const changed = [...state.services.values()]
    .filter(({ published }) => published.some(isNeeded))
    .map((service): [string, ServiceEndpoints] => [
      service.id,
      { ...service, published: service.published.filter((port) => !isNeeded(port)) },
    ]);
  const services = changed.length === 0 ? state.services : new Map([...state.services, ...changed]);
  return networks === state.networks && services === state.services
    ? state
    : { ...state, networks, services };
}

/**
 * Ports, as `udp/53`, at which this host asks itself for names. What answers may be seen listening nowhere: Docker gives a
 * host that is a container 127.0.0.11:53, and leads that elsewhere by rules.
 */
export const resolverPortsOf = ({ ports }: Needs): string[] =>
  resolverPorts.filter((key) => ports.get(key) === resolverUse);

/** What listens on the host, with its resolver where that is not seen among it. */
export const withResolver = (listeners: readonly Listener[], needs: Needs): Listener[] => [
  ...listeners,
  ...resolverPortsOf(needs)
    .map((key): Listener => {
      const [protocol = '', port] = key.split('/');
      return { protocol, port: Number(port), process: "the host's resolver", pid: 0, serviceId: '' };
    })
    .filter(
      ({ protocol, port }) => !listeners.some((each) => each.protocol === protocol && each.port === port),
    ),
];

/** What `withoutNeeded` leaves out, in words; but the resolver's ports, which count as those that something listens on. */
export function leftOut(state: NetworkState, needs: Needs): string[] {
  const networks = [betweenHosts, ...state.networks.values()].map((network) => coveredBy(network, needs));
  const resolvers = new Set(resolverPortsOf(needs));
  const isResolvers = ({ protocol, published }: Pick<Port, 'protocol' | 'published'>) =>
    resolvers.has(portKey(protocol, published));
  const ports = [...state.services.values()].flatMap(({ name, published }) =>
    published.map((port) => {
      const why = isResolvers(port) ? undefined : neededPort(port, needs);
      return why && `service ${name}: ${why}`;
    }),
  );
  return [...networks, ...ports].filter((text) => text !== undefined);
}
