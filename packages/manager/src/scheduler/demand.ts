import { type NewerField, newerFields } from '../container-body/index.ts';
import {
  heldVolumes,
  hostnameOf,
  localVolumes,
  mayBeginEmpty,
  type Platform,
  payloadFiles,
  presentCanary,
  readyCheckOf,
  type Service,
  stateOf,
  type Task,
  wantsBinpack,
} from '../model/index.ts';
import { type ClusterState, versionKey } from './cluster-state.ts';
import { type Constraint, constraintsOf, nodeField, type SpreadLevel } from './constraints.ts';
import { plainReference } from './images.ts';
import type { Neighbours } from './neighbours.ts';
import { hostPorts } from './task-load.ts';

/** A local volume that a node has of the task's slot. */
export interface HeldVolume {
  readonly volume: string;
  readonly nodeId: string;
  /** The node's name. */
  readonly host: string;
}

/** What a task asks of a node; the same for all tasks of a group. */
export interface Demand {
  readonly serviceId: string;
  readonly version: string;
  /** Set when the task belongs to one node. */
  readonly nodeId: string | undefined;
  /** Its slot's, where nodes have them: it is alone in its group then. */
  readonly volumes: readonly HeldVolume[];
  /** Where the node that has them can't take it, another one will do. */
  readonly mayBeginEmpty: boolean;
  /** Of a global service: every node has one. */
  readonly global: boolean;
  /** Undefined when they cannot be understood: no node will do. */
  readonly constraints: readonly Constraint[] | undefined;
  readonly platforms: readonly Platform[];
  /** It gets more of its host than Docker's services can ask for. */
  readonly hostAccess: boolean;
  /** Fields of its create body that older daemons do not know. */
  readonly newerFields: readonly NewerField[];
  /** What only agents of this release give it, in words. */
  readonly newerAgent: readonly string[];
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  /** Units of generic resources, by kind. */
  readonly generic: ReadonlyMap<string, number>;
  readonly ports: readonly string[];
  /** Ids of the networks its container joins. */
  readonly networks: readonly string[];
  /** Tasks of the service on one node, at most; 0 is no limit. */
  readonly maxReplicas: number;
  /** Beside whose tasks it has to be, and must not be. Of services other than its own, so they stay while a group is placed. */
  readonly near: readonly Neighbours[];
  readonly apart: readonly Neighbours[];
  /** It goes to the fullest node that has room. */
  readonly binpack: boolean;
  readonly image: string;
  /** Levels of spreading, outermost first. */
  readonly spread: readonly SpreadLevel[];
}

/**
 * The node that it has from the start: a global service's, one that shares the network of a task there, or one that
 * was made to even out its service and waits for that node. Undefined where there is a choice.
 */
export const boundTo = (task: Task): string | undefined =>
  task.shoal.companion?.nodeId ??
  (task.Slot === undefined || stateOf(task) === 'pending' ? task.NodeID : undefined);

const noVolumes: readonly HeldVolume[] = [];

/** What nodes that are there have of the task's slot. A global service's is where its task is anyway. */
export function volumesOf(task: Task, { services, nodes }: ClusterState): readonly HeldVolume[] {
  const service = services.get(task.ServiceID);
  if (!service?.shoal.volumes || task.Slot === undefined) return noVolumes;
  const held = heldVolumes(service, task);
  return localVolumes(task.Spec).flatMap((volume) => {
    const node = nodes.get(held[volume] ?? '')?.node;
    return node ? [{ volume, nodeId: node.ID, host: hostnameOf(node) }] : [];
  });
}

export function demandOf(task: Task, state: ClusterState): Demand {
  const { Placement: placement, Resources, ContainerSpec } = task.Spec;
  const service = state.services.get(task.ServiceID);
  const reserved = Resources?.Reservations;
  return {
    serviceId: task.ServiceID,
    version: versionKey(task),
    nodeId: boundTo(task),
    volumes: volumesOf(task, state),
    mayBeginEmpty: mayBeginEmpty(service?.Spec.Labels),
    global: task.Slot === undefined,
    constraints: constraintsOf(placement),
    platforms: placement?.Platforms ?? [],
    hostAccess: task.shoal.hostAccess !== undefined,
    newerFields: newerFields(task.Spec),
    newerAgent: newerAgentParts(task, service),
    nanoCpus: reserved?.NanoCPUs ?? 0,
    memoryBytes: reserved?.MemoryBytes ?? 0,
    generic: genericDemand(reserved?.GenericResources ?? []),
    ports: hostPorts(task.shoal.ports),
    networks: task.shoal.networks ?? [],
    maxReplicas: placement?.MaxReplicas ?? 0,
    near: state.affinities.near(service),
    apart: state.affinities.apart(service),
    binpack: wantsBinpack(service?.Spec.Labels),
    image: ContainerSpec?.Image ? plainReference(ContainerSpec.Image) : '',
    spread: spreadLevels(placement?.Preferences ?? []),
  };
}

/** Agents that speak an older protocol would run a task without its `newerAgent` parts. */
export const newerAgentProtocol = 5;

function newerAgentParts({ Spec }: Task, service: Service | undefined): string[] {
  return [
    ...(payloadFiles(Spec.ContainerSpec).length > 0 ? ['secrets and configs'] : []),
    ...(Spec.Networks?.some(({ DriverOpts }) => Object.keys(DriverOpts ?? {}).length > 0)
      ? ['options of endpoints']
      : []),
    ...(readyCheckOf(service?.Spec.Labels) ? ['checks for readiness'] : []),
    ...(service && presentCanary(service) ? ['checks of canaries'] : []),
  ];
}

type Reserved = NonNullable<
  NonNullable<NonNullable<Task['Spec']['Resources']>['Reservations']>['GenericResources']
>;

/** Only numbers can be reserved, as in Swarm; a demand for a named unit is one that no node meets. */
function genericDemand(resources: Reserved): Map<string, number> {
  const units = new Map<string, number>();
  for (const { DiscreteResourceSpec: countable, NamedResourceSpec: named } of resources) {
    if (countable?.Kind) units.set(countable.Kind, (units.get(countable.Kind) ?? 0) + (countable.Value ?? 0));
    if (named?.Kind) units.set(named.Kind, Number.POSITIVE_INFINITY);
  }
  return units;
}

function spreadLevels(
  preferences: readonly { readonly Spread?: { readonly SpreadDescriptor?: string | null } | null }[],
): SpreadLevel[] {
  return preferences.flatMap(({ Spread }) => {
    const descriptor = Spread?.SpreadDescriptor ?? '';
    const branchOf = nodeField(descriptor);
    return branchOf ? [{ descriptor, branchOf }] : [];
  });
}
