import {
  type Cluster,
  companionOf,
  dependenciesOf,
  type Event,
  type EventMark,
  isTerminal,
  type Network,
  type Node,
  networkLabel,
  type Payload,
  payloadFiles,
  type Service,
  slotKey,
  stateOf,
  type Task,
  type Token,
} from '../model/index.ts';
import { Table, type TableReader } from './table.ts';

/** Everything the manager knows, by table. A new kind of object is one line in both of these, and one in `owners.ts`. */
export interface Objects {
  clusters: Cluster;
  configs: Payload;
  eventMarks: EventMark;
  events: Event;
  networks: Network;
  nodes: Node;
  secrets: Payload;
  services: Service;
  tasks: Task;
  tokens: Token;
}

const payloadName = ({ Spec }: Payload): string[] => [Spec.Name ?? ''];

export const makeTables = () => ({
  clusters: new Table<Cluster, never>({}),
  configs: new Table<Payload, 'name'>({ name: payloadName }),
  eventMarks: new Table<EventMark, never>({}),
  events: new Table<Event, never>({}),
  networks: new Table<Network, 'name'>({
    name: (network) => [network.Spec.Name ?? ''],
  }),
  nodes: new Table<Node, 'hostname' | 'key' | 'number'>({
    hostname: (node) => [node.reported.description.Hostname ?? ''],
    key: (node) => [node.allotted.keyHash],
    number: (node) => [String(node.allotted.number)],
  }),
  secrets: new Table<Payload, 'name'>({ name: payloadName }),
  services: new Table<Service, 'name' | 'network' | 'vip' | 'companion' | 'dependency' | 'payload'>({
    name: (service) => [service.Spec.Name ?? ''],
    // Under the name of the service whose network its tasks share.
    companion: (service) => {
      const name = companionOf(service.Spec.Labels?.[networkLabel]);
      return name === undefined ? [] : [name];
    },
    // Under the names of the services that its tasks wait for before they start.
    dependency: (service) => [
      ...new Set(dependenciesOf(service.Spec.Labels).map(({ service: name }) => name)),
    ],
    network: (service) => (service.shoal.attachments ?? []).map(({ networkId }) => networkId),
    // Under the ids of the secrets and configs of its spec and of the one before.
    payload: ({ Spec, PreviousSpec }) => [
      ...new Set(
        [Spec, PreviousSpec]
          .flatMap((spec) => payloadFiles(spec?.TaskTemplate?.ContainerSpec))
          .map(({ id }) => id),
      ),
    ],
    vip: (service) =>
      (service.shoal.attachments ?? []).flatMap(({ networkId, vip }) =>
        vip ? [vipIndexKey(networkId, vip)] : [],
      ),
  }),
  tasks: new Table<Task, 'service' | 'node' | 'slot' | 'network'>({
    service: (task) => [task.ServiceID],
    node: (task) => (task.NodeID ? [task.NodeID] : []),
    // Tasks that have ended need no address.
    network: (task) => (isTerminal(stateOf(task)) ? [] : (task.shoal.networks ?? [])),
    slot: (task) => [slotIndexKey(task.ServiceID, slotKey(task))],
  }),
  tokens: new Table<Token, never>({}),
});

export type Tables = ReturnType<typeof makeTables>;
export type TableName = keyof Tables & keyof Objects;
export const tableNames = Object.keys(makeTables()) as TableName[];

/** Key of the services' `vip` index. */
export const vipIndexKey = (networkId: string, address: string): string => `${networkId}/${address}`;

/** Key of the tasks' `slot` index. */
export const slotIndexKey = (serviceId: string, slot: string): string => `${serviceId}/${slot}`;

type IndexOf<N extends TableName> = Tables[N] extends Table<infer _T, infer I> ? I : never;

/** A consistent read-only view. Synchronous code sees one state from its first to its last line. */
export type ReadView = { readonly [N in TableName]: TableReader<Objects[N], IndexOf<N>> };

export type { IndexOf };
