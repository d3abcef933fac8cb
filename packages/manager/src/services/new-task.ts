import type { Ids } from '../effects.ts';
import {
  type HostAccess,
  hostAccessOf,
  networkModeOf,
  networksOf,
  type PortConfig,
  type Service,
  slotKey,
  type Task,
  type TaskInternals,
  type TaskSpec,
  type Wait,
  waitOf,
} from '../model/index.ts';
import type { NewObject } from '../store/index.ts';
import type { Draft } from './draft.ts';
import { hostPorts, taskTemplate } from './policy.ts';

/** What a task is made from: one version of a service's task template. */
export interface Target {
  readonly version: number;
  readonly spec: TaskSpec;
  readonly ports: readonly PortConfig[];
  /** Ids. */
  readonly networks: readonly string[];
  /** What its tasks have instead of networks. */
  readonly networkMode: string | undefined;
  /** What they get of their host. */
  readonly hostAccess: HostAccess | undefined;
}

/** Where one live task belongs: a number, or for global services a node. */
export interface Slot {
  readonly key: string;
  /** Of a replicated service. */
  readonly number?: number;
  /** Bound to this node. */
  readonly nodeId?: string;
  /** Whether a new task may be made here now. */
  readonly creatable: boolean;
}

/** Why no task can be made there. */
export function notNow({ snapshot }: Draft, slot: Slot): Wait {
  const { nodeId = '' } = slot;
  const name = snapshot.nodes.get(nodeId)?.reported.description.Hostname ?? nodeId;
  return waitOf('slot', slot.key, `node ${name}, which is paused or not ready`);
}

export type Origin = Pick<
  TaskInternals,
  | 'iteration'
  | 'isolated'
  | 'stopFirst'
  | 'replaces'
  | 'failures'
  | 'refusals'
  | 'startAfter'
  | 'moves'
  | 'exchange'
  | 'relieves'
>;

export const currentTarget = ({ Spec, shoal }: Pick<Service, 'Spec' | 'shoal'>): Target => ({
  version: shoal.specVersion,
  spec: taskTemplate(Spec),
  ports: hostPorts(Spec),
  networks: networksOf(Spec),
  networkMode: networkModeOf(Spec),
  hostAccess: hostAccessOf(Spec.Labels),
});

/** A task with the version of `task`. */
export const targetLike = ({ Spec, shoal }: Task): Target => ({
  version: shoal.specVersion,
  spec: Spec,
  ports: shoal.ports,
  networks: shoal.networks ?? [],
  networkMode: shoal.networkMode,
  hostAccess: shoal.hostAccess,
});

/** A second task for the slot of `old`, bound to another node: how a move begins. */
export const secondTask = (
  old: Task,
  nodeId: string,
  origin: Omit<Origin, 'moves'>,
  ids: Ids,
): NewObject<Task> =>
  newTask(
    old.ServiceID,
    { key: slotKey(old), ...(old.Slot !== undefined && { number: old.Slot }), nodeId, creatable: true },
    targetLike(old),
    { ...origin, moves: old.ID },
    ids,
  );

/** Made to be prepared only; whoever makes it decides when it starts. */
export function newTask(
  serviceId: string,
  slot: Slot,
  target: Target,
  origin: Origin,
  ids: Ids,
): NewObject<Task> {
  return {
    ID: ids(),
    Labels: {},
    Spec: target.spec,
    ServiceID: serviceId,
    ...(slot.number !== undefined && { Slot: slot.number }),
    ...(slot.nodeId !== undefined && { NodeID: slot.nodeId }),
    DesiredState: 'ready',
    shoal: {
      specVersion: target.version,
      ...(origin.iteration !== undefined && { iteration: origin.iteration }),
      ports: target.ports,
      ...(target.networks.length > 0 && { networks: target.networks }),
      ...(target.networkMode !== undefined && { networkMode: target.networkMode }),
      ...(target.hostAccess && { hostAccess: target.hostAccess }),
      ...(origin.isolated && { isolated: true }),
      ...(origin.stopFirst && { stopFirst: true }),
      ...(origin.replaces !== undefined && { replaces: origin.replaces }),
      ...(origin.moves !== undefined && { moves: origin.moves }),
      ...(origin.exchange && { exchange: origin.exchange }),
      ...(origin.relieves !== undefined && { relieves: origin.relieves }),
      ...(origin.failures !== undefined && { failures: origin.failures }),
      ...(origin.refusals !== undefined && { refusals: origin.refusals }),
      ...(origin.startAfter !== undefined && { startAfter: origin.startAfter }),
    },
  };
}
