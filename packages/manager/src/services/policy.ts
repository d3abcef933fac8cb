import {
  canaryStepsOf,
  isJob,
  progressDeadlineMs,
  type Service,
  type ServiceSpec,
  type TaskSpec,
  type UpdateConfig,
  wantsIsolation,
} from '../model/index.ts';

export type Order = 'stop-first' | 'start-first';

/** An update or rollback policy without gaps. Times in milliseconds. */
export interface UpdateRules {
  /** Infinity: all at once. */
  readonly parallelism: number;
  readonly delayMs: number;
  readonly failureAction: 'pause' | 'continue' | 'rollback';
  readonly monitorMs: number;
  /** A task that ends within this time after it began to run has failed. */
  readonly failsWithinMs: number;
  /** A new task that takes longer than this until it runs has failed. */
  readonly deadlineMs: number;
  readonly maxFailureRatio: number;
  readonly order: Order;
  /** The user asked for this order: it is kept even where the other one would get on better. */
  readonly orderIsExplicit: boolean;
}

/** Docker's default (moby/swarmkit api/defaults/service.go). */
const monitorMs = 5_000;

const toMs = (nanoseconds: number): number => nanoseconds / 1e6;

/**
 * The rules of the update, or of the rollback under way. Where the user says nothing: one task at a time,
 * monitored for 5 s, start-first where tasks can live side by side, and back to the previous spec when it
 * goes wrong; a canary always does so. A rollback is never rolled back: it pauses. Monitor 0 means the default, as in Docker, whose
 * clients cannot tell it from "not given".
 */
export function updateRules(service: Service): UpdateRules {
  const state = service.UpdateStatus?.State;
  const rollingBack = state === 'rollback_started' || state === 'rollback_paused';
  const config: UpdateConfig = (rollingBack ? service.Spec.RollbackConfig : service.Spec.UpdateConfig) ?? {};
  // Of a job, one that does the work twice is one too many.
  const alone = wantsIsolation(service.Spec.Labels) || isJob(service.Spec);
  const action = config.FailureAction ?? 'rollback';
  const delayMs = toMs(config.Delay ?? 0);
  const provedMs = monitored(config.Monitor ? toMs(config.Monitor) : monitorMs, delayMs);
  const isCanary = !rollingBack && canaryStepsOf(service.Spec.Labels) !== undefined;
  return {
    parallelism: config.Parallelism === 0 ? Number.POSITIVE_INFINITY : (config.Parallelism ?? 1),
    delayMs,
    failureAction: rollingBack ? (action === 'rollback' ? 'pause' : action) : isCanary ? 'rollback' : action,
    monitorMs: provedMs,
    failsWithinMs: isCanary ? Number.POSITIVE_INFINITY : provedMs,
    deadlineMs: progressDeadlineMs(service.Spec.Labels),
    maxFailureRatio: config.MaxFailureRatio ?? 0,
    order: alone
      ? 'stop-first'
      : (config.Order ?? (canLiveSideBySide(service.Spec) ? 'start-first' : 'stop-first')),
    orderIsExplicit: alone || Boolean(config.Order),
  };
}

/** As in Swarm, failures count at least until the update goes on (moby/swarmkit manager/orchestrator/update/updater.go). */
const monitored = (ms: number, delayMs: number): number => (delayMs >= ms ? delayMs + 1_000 : ms);

export const taskTemplate = (spec: ServiceSpec): TaskSpec => spec.TaskTemplate ?? {};

/** Ports that each task publishes on its own node. */
export const hostPorts = (spec: ServiceSpec) =>
  (spec.EndpointSpec?.Ports ?? []).filter(({ PublishMode }) => PublishMode === 'host');

/** False when two tasks of one slot would fight, over a port of the host or files that both write, or must not be. */
export function canLiveSideBySide(spec: ServiceSpec): boolean {
  if (wantsIsolation(spec.Labels)) return false;
  if (hostPorts(spec).some(({ PublishedPort }) => (PublishedPort ?? 0) > 0)) return false;
  return !writesFiles(spec);
}

/** Its tasks have files that outlive them, on the node where they are. */
const writesFiles = (spec: ServiceSpec): boolean =>
  (taskTemplate(spec).ContainerSpec?.Mounts ?? []).some(
    // A volume without a name is each container's own.
    ({ Type, Source, ReadOnly }) =>
      !ReadOnly && (Type === 'bind' || Type === 'cluster' || ((Type ?? 'volume') === 'volume' && Source)),
  );

/**
 * In which order a task moves to another node though it could stay; undefined: it never does, since its files would
 * stay behind, or it must not run twice. Where it is the port of a host that two tasks would fight over, they can live
 * side by side on two hosts.
 */
export function moveOrder(spec: ServiceSpec): Order | undefined {
  if (wantsIsolation(spec.Labels) || writesFiles(spec)) return undefined;
  return spec.UpdateConfig?.Order ?? 'start-first';
}
