import { NetworkCounters, type ServiceTraffic } from '@shoal/proto';
import { isIngressPort, type Network } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import { type Answer, type Ask, askAll } from './ask.ts';

/** People wait for it; a host that takes longer is named instead. */
const withinMs = 2_000;

/** Since the rules of each host were made; connections and bytes through all VIPs and published ports of a service. */
export interface Traffic {
  readonly connections: number;
  readonly bytes: number;
}

export interface NetworkTraffic {
  readonly services: ReadonlyMap<string, Traffic & { readonly nodes: readonly (Traffic & Host)[] }>;
  /** Hosts whose part is missing, and why. */
  readonly unanswered: readonly (Host & { readonly why: string })[];
}

export const noTraffic: NetworkTraffic = { services: new Map(), unanswered: [] };

interface Host {
  readonly node: string;
  readonly hostname: string;
}

/** Asks every host that traffic to the network's services can enter by. Takes two seconds at most. */
export async function networkTraffic(view: ReadView, ask: Ask, network: Network): Promise<NetworkTraffic> {
  const answers = await askAll(ask, entries(view, network), {
    what: () => ({ $case: 'networkCounters', value: {} }),
    withinMs,
    read: (answer) => NetworkCounters.fromPartial(answer as object).services,
  });
  return sumTraffic(answers, (id) => view.nodes.get(id)?.reported.description.Hostname ?? '');
}

/** A port that every host answers can be entered by every host; all else from where containers of the network run. */
function entries(view: ReadView, { ID, Spec, shoal }: Network): Set<string> {
  const everywhere =
    Spec.Ingress === true ||
    view.services.by('network', ID).some((service) => service.shoal.ports?.some(isIngressPort));
  const nodes = [...view.nodes.all()].map((node) => node.ID);
  const owners = new Set(shoal.slices.map(({ owner }) => owner));
  return new Set(nodes.filter((id) => everywhere || owners.has(id)));
}

/** By service; hosts on which nothing went into it are left out. */
export function sumTraffic(
  answers: readonly Answer<readonly ServiceTraffic[]>[],
  hostnameOf: (nodeId: string) => string,
): NetworkTraffic {
  const services = new Map<string, Traffic & { nodes: (Traffic & Host)[] }>();
  const unanswered: (Host & { why: string })[] = [];
  for (const answer of answers) {
    const host = { node: answer.nodeId, hostname: hostnameOf(answer.nodeId) };
    if (answer.value === undefined) unanswered.push({ ...host, why: answer.why });
    for (const { serviceId, connections, bytes } of answer.value ?? []) {
      const sum = services.get(serviceId) ?? { connections: 0, bytes: 0, nodes: [] };
      services.set(serviceId, {
        connections: sum.connections + connections,
        bytes: sum.bytes + bytes,
        nodes: connections + bytes > 0 ? [...sum.nodes, { ...host, connections, bytes }] : sum.nodes,
      });
    }
  }
  return { services, unanswered };
}
