import { bridgesOf } from '../bridge-plan.ts';
import { ingressName, type Network, type NetworkState, type ServiceEndpoints } from '../state.ts';
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

/** Networks of this host whose containers can try something. */
export const triableNetworks = ({ networks }: NetworkState): Network[] =>
  [...networks.values()].filter((network) => network.name !== ingressName && bridgesOf(network).length > 0);

/**
 * What there is to try from this host, whatever its containers are: other hosts' containers by their addresses and names,
 * services by their VIPs and names, published ports on every host. Of each kind, network and host the first comes before
 * the second of any. `nodeIds`: the other hosts in question.
 */
export function targetsOf(state: NetworkState, nodeIds: readonly string[]): Target[] {
  const asked = new Set(nodeIds);
  const services = [...state.services.values()];
  const groups = new Map<string, number>();
  const ranked = [
    ...triableNetworks(state).flatMap((network) =>
      services.flatMap((service) => inNetwork(service, network, { state, asked })),
    ),
    ...services.flatMap((service) => published(service, state, asked)),
  ].map((target) => {
    const group = `${target.by} ${target.from} ${target.nodeId}`;
    const rank = groups.get(group) ?? 0;
    groups.set(group, rank + 1);
    return { target, rank };
  });
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ target }) => target);
}

interface Scope {
  readonly state: NetworkState;
  readonly asked: ReadonlySet<string>;
}

function inNetwork(service: ServiceEndpoints, network: Network, { state, asked }: Scope): Target[] {
  const attachment = service.attachments.find(({ networkId }) => networkId === network.id);
  const endpoints = service.endpoints.filter(({ addresses }) => addresses[network.id]);
  if (!attachment || endpoints.length === 0) return [];
  const on = `on network ${network.name}`;
  const from = network.id;
  const { vip } = attachment;
  return [
    ...endpoints.flatMap(({ nodeId, taskName, addresses }): Target[] => {
      const address = addresses[network.id] ?? '';
      if (!asked.has(nodeId)) return [];
      const what = `${taskName} (${address}) ${on}`;
      return [
        { nodeId, by: 'address', from, attempt: { kind: 'ping', address }, what },
        {
          nodeId,
          by: 'name',
          from,
          attempt: { kind: 'name', name: taskName, addresses: Object.values(addresses) },
          what,
        },
      ];
    }),
    {
      nodeId: '',
      by: 'name',
      from,
      attempt: { kind: 'name', name: service.name, addresses: standFor(service.name, state) },
      what: `${service.name} ${on}`,
    },
    ...(vip
      ? [
          {
            nodeId: '',
            by: 'vip',
            from,
            attempt: { kind: 'ping', address: vip },
            what: `${service.name} (${vip}) ${on}`,
          } as const,
        ]
      : []),
  ];
}

/** What a name may stand for: a container on several networks may be told of any of them, and of whoever else bears it. */
const standFor = (name: string, { services }: NetworkState): string[] =>
  [...services.values()]
    .filter(
      (service) => service.name === name || service.attachments.some(({ aliases }) => aliases.includes(name)),
    )
    .flatMap(({ attachments, endpoints }) => [
      ...attachments.map(({ vip }) => vip).filter((vip) => vip !== ''),
      ...endpoints.flatMap(({ addresses }) => Object.values(addresses)),
    ]);

/** A port leads to any endpoint, so the way to each is tried, too: that of published ports, from the host itself. */
function published(service: ServiceEndpoints, state: NetworkState, asked: ReadonlySet<string>): Target[] {
  const { self, peers, networks } = state;
  const ingress = [...networks.values()].find(({ name }) => name === ingressName);
  if (!ingress || service.published.length === 0) return [];
  const endpoints = service.endpoints.filter(({ addresses }) => addresses[ingress.id]);
  if (endpoints.length === 0) return [];
  const hosts = [self, ...[...peers.values()].filter(({ nodeId }) => asked.has(nodeId))];
  const [port] = service.published.filter(({ protocol }) => protocol === 'tcp');
  return [
    ...endpoints.flatMap(({ nodeId, taskName, addresses: { [ingress.id]: address = '' } }): Target[] => {
      if (!asked.has(nodeId)) return [];
      const what = `${taskName} (${address}) behind published ports`;
      return [{ nodeId, by: 'address', from: undefined, attempt: { kind: 'ping', address }, what }];
    }),
    ...hosts.flatMap(({ nodeId, address }): Target[] =>
      port
        ? [
            {
              nodeId,
              by: 'port',
              from: undefined,
              attempt: { kind: 'connect', address, port: port.published },
              what: `port ${port.published} of ${service.name}`,
            },
          ]
        : [],
    ),
  ];
}
