import type { Assignment, Assignments, Network, Peer, ServiceEndpoints } from '@shoal/proto';

/** What this host has to do, as of a number that the manager gave. */
export interface AssignmentSet {
  readonly number: number;
  readonly tasks: ReadonlyMap<string, Assignment>;
  readonly networks: ReadonlyMap<string, Network>;
  readonly services: ReadonlyMap<string, ServiceEndpoints>;
  /** Hosts of the overlay, this one among them, by node id. */
  readonly peers: ReadonlyMap<string, Peer>;
}

export const noAssignments: AssignmentSet = {
  number: 0,
  tasks: new Map(),
  networks: new Map(),
  services: new Map(),
  peers: new Map(),
};

/**
 * The set after a message, or undefined when the message builds on a set that this one is not. What the message
 * does not change stays the same object, so that readers see at a glance what is new.
 */
export function applyAssignments(set: AssignmentSet, message: Assignments): AssignmentSet | undefined {
  const { complete } = message;
  if (!complete && message.appliesTo !== set.number) return undefined;
  return {
    number: message.resultsIn,
    tasks: merge(complete, set.tasks, message.put, message.remove, ({ taskId }) => taskId),
    networks: merge(complete, set.networks, message.networks, message.removedNetworks, ({ id }) => id),
    services: merge(complete, set.services, message.services, message.removedServices, ({ id }) => id),
    peers: merge(complete, set.peers, message.peers, message.removedPeers, ({ nodeId }) => nodeId),
  };
}

/** The message that leads to this set from any other. */
export const toComplete = ({ number, tasks, networks, services, peers }: AssignmentSet): Assignments => ({
  complete: true,
  appliesTo: 0,
  resultsIn: number,
  put: [...tasks.values()],
  remove: [],
  networks: [...networks.values()],
  removedNetworks: [],
  services: [...services.values()],
  removedServices: [],
  peers: [...peers.values()],
  removedPeers: [],
});

function merge<T>(
  complete: boolean,
  before: ReadonlyMap<string, T>,
  put: readonly T[],
  remove: readonly string[],
  idOf: (object: T) => string,
): ReadonlyMap<string, T> {
  if (!complete && put.length === 0 && remove.length === 0) return before;
  const after = new Map(complete ? [] : before);
  for (const id of remove) after.delete(id);
  for (const object of put) {
    const old = before.get(idOf(object));
    after.set(idOf(object), old !== undefined && isSame(old, object) ? old : object);
  }
  const unchanged =
    after.size === before.size && [...after].every(([id, object]) => before.get(id) === object);
  return unchanged ? before : after;
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
