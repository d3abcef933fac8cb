import type { Assignments } from '@shoal/proto';
import { compareStates, type Task } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import {
  hasAddresses,
  needsNetwork,
  needsService,
  toNetwork,
  toPeer,
  toServiceEndpoints,
} from './network-view.ts';
import { toAssignment } from './to-proto.ts';

/** Kinds of things an agent is told about. */
const kinds = ['tasks', 'networks', 'services', 'peers'] as const;
export type Kind = (typeof kinds)[number];
/** Ids by kind. */
export type Ids = Readonly<Record<Kind, Set<string>>>;

export const noIds = (): Ids => ({
  tasks: new Set(),
  networks: new Set(),
  services: new Set(),
  peers: new Set(),
});
export const isEmpty = (ids: Ids): boolean => kinds.every((kind) => ids[kind].size === 0);

export type Content = Omit<Assignments, 'complete' | 'appliesTo' | 'resultsIn'>;

export interface DeltaContext {
  readonly view: ReadView;
  readonly nodeId: string;
  /** The task shall stop, but not yet. */
  readonly held: (taskId: string) => boolean;
  /** Nodes that nobody reaches. */
  readonly silent: ReadonlySet<string>;
}

/**
 * What to tell a node about the things named by `dirty`: their present form if it needs them, their removal if
 * it knows them and does not need them any more. `known` is brought up to date. Cost follows `dirty`.
 */
export function delta({ view, nodeId, held, silent }: DeltaContext, dirty: Ids, known: Ids): Content {
  const tasks = sort(dirty.tasks, known.tasks, (id) => {
    const task = view.tasks.get(id);
    if (task?.NodeID !== nodeId || !isForAgent(task)) return undefined;
    return toAssignment(task, view.services.get(task.ServiceID), held(id));
  });
  const networks = sort(dirty.networks, known.networks, (id) => {
    const network = view.networks.get(id);
    return network && needsNetwork(view, network, nodeId) ? toNetwork(network, nodeId) : undefined;
  });
  const services = sort(dirty.services, known.services, (id) => {
    const service = view.services.get(id);
    return service && needsService(view, service, nodeId)
      ? toServiceEndpoints(view, service, silent)
      : undefined;
  });
  const peers = sort(dirty.peers, known.peers, (id) => {
    const node = view.nodes.get(id);
    return node && toPeer(node);
  });
  return {
    put: tasks.put,
    remove: tasks.remove,
    networks: networks.put,
    removedNetworks: networks.remove,
    services: services.put,
    removedServices: services.remove,
    peers: peers.put,
    removedPeers: peers.remove,
  };
}

/** The ids of everything that may be this node's business. */
export function everything(view: ReadView, nodeId: string): Ids {
  return {
    tasks: new Set(view.tasks.by('node', nodeId).map(({ ID }) => ID)),
    networks: idsOf(view.networks.all()),
    services: idsOf(view.services.all()),
    peers: idsOf(view.nodes.all()),
  };
}

function sort<T>(dirty: Iterable<string>, known: Set<string>, present: (id: string) => T | undefined) {
  const put: T[] = [];
  const remove: string[] = [];
  for (const id of dirty) {
    const object = present(id);
    if (object !== undefined) {
      put.push(object);
      known.add(id);
    } else if (known.delete(id)) {
      remove.push(id);
    }
  }
  return { put, remove };
}

/** Placed, and – unless it only has to end – with all its addresses. */
const isForAgent = (task: Task): boolean =>
  compareStates(task.Status.State, 'assigned') >= 0 &&
  (hasAddresses(task) || task.DesiredState === 'shutdown' || task.DesiredState === 'remove');

const idsOf = (objects: Iterable<{ readonly ID: string }>): Set<string> => {
  const ids = new Set<string>();
  for (const { ID } of objects) ids.add(ID);
  return ids;
};
