import { type Static, Type } from 'typebox';
import { type CanaryCheck, canaryCheckOf } from './canary-labels.ts';
import { Driver, metaSchemas, Platform, PortConfig, Resources, type SpecHistory } from './common.ts';
import { ContainerSpec } from './container-spec.ts';
import type { ServiceAttachment } from './network.ts';
import { count, nanoseconds, object, oneOf, opt, stringMap } from './schema.ts';
import type { Sealed } from './sealed.ts';

export const RestartPolicy = object({
  Condition: opt(oneOf('none', 'on-failure', 'any')),
  Delay: opt(nanoseconds),
  MaxAttempts: opt(count),
  Window: opt(nanoseconds),
});
export type RestartPolicy = Static<typeof RestartPolicy>;

export const Placement = object({
  Constraints: opt(Type.Array(Type.String())),
  Preferences: opt(Type.Array(object({ Spread: opt(object({ SpreadDescriptor: opt(Type.String()) })) }))),
  MaxReplicas: opt(count),
  Platforms: opt(Type.Array(Platform)),
});
export type Placement = Static<typeof Placement>;

const NetworkAttachmentConfig = object({
  Target: opt(Type.String()),
  Aliases: opt(Type.Array(Type.String())),
  DriverOpts: opt(stringMap),
});

export const TaskSpec = object({
  ContainerSpec: opt(ContainerSpec),
  PluginSpec: opt(Type.Object({})),
  NetworkAttachmentSpec: opt(Type.Object({})),
  Resources: opt(
    object({
      Limits: opt(
        object({
          NanoCPUs: opt(Type.Integer({ minimum: 0 })),
          MemoryBytes: opt(Type.Integer({ minimum: 0 })),
          Pids: opt(Type.Integer({ minimum: 0 })),
        }),
      ),
      Reservations: opt(Resources),
      SwapBytes: opt(Type.Integer()),
      MemorySwappiness: opt(Type.Integer()),
    }),
  ),
  RestartPolicy: opt(RestartPolicy),
  Placement: opt(Placement),
  Networks: opt(Type.Array(NetworkAttachmentConfig)),
  LogDriver: opt(Driver),
  // Another one than before replaces the tasks. Ansible takes the time of day in 100 ns, which is too large for a number of ours.
  ForceUpdate: opt(Type.Integer({ minimum: 0, maximum: 2 ** 64 })),
  Runtime: opt(Type.String()),
});
export type TaskSpec = Static<typeof TaskSpec>;

export const UpdateConfig = object({
  Parallelism: opt(count),
  Delay: opt(nanoseconds),
  FailureAction: opt(oneOf('pause', 'continue', 'rollback')),
  Monitor: opt(nanoseconds),
  MaxFailureRatio: opt(Type.Number({ minimum: 0, maximum: 1 })),
  Order: opt(oneOf('stop-first', 'start-first')),
});
export type UpdateConfig = Static<typeof UpdateConfig>;

export const ServiceSpec = object({
  Name: opt(Type.String()),
  Labels: opt(stringMap),
  TaskTemplate: opt(TaskSpec),
  Mode: opt(
    object({
      Replicated: opt(object({ Replicas: opt(count) })),
      Global: opt(object({})),
      ReplicatedJob: opt(object({ MaxConcurrent: opt(count), TotalCompletions: opt(count) })),
      GlobalJob: opt(object({})),
    }),
  ),
  UpdateConfig: opt(UpdateConfig),
  RollbackConfig: opt(UpdateConfig),
  // Old clients put networks here; the field is refused later with its own message.
  Networks: opt(Type.Array(NetworkAttachmentConfig)),
  EndpointSpec: opt(object({ Mode: opt(oneOf('vip', 'dnsrr')), Ports: opt(Type.Array(PortConfig)) })),
});
export type ServiceSpec = Static<typeof ServiceSpec>;

export const UpdateStatus = object({
  State: oneOf(
    'updating',
    'paused',
    'completed',
    'rollback_started',
    'rollback_paused',
    'rollback_completed',
  ),
  StartedAt: opt(Type.String()),
  CompletedAt: opt(Type.String()),
  Message: opt(Type.String()),
});
export type UpdateStatus = Static<typeof UpdateStatus>;

/** Which run of its tasks a job is at, and when that began. A job that has not begun yet has no LastExecution. */
export const JobStatus = object({
  JobIteration: object({ Index: count }),
  LastExecution: opt(Type.String()),
});
export type JobStatus = Static<typeof JobStatus>;

/** A service as Docker's API shows it. */
export const ApiService = object({
  ...metaSchemas,
  Spec: ServiceSpec,
  PreviousSpec: opt(ServiceSpec),
  Endpoint: Type.Object({}),
  UpdateStatus: opt(UpdateStatus),
  JobStatus: opt(JobStatus),
  ServiceStatus: opt(object({ RunningTasks: count, DesiredTasks: count, CompletedTasks: count })),
});
export type ApiService = Static<typeof ApiService>;

/** Why, and since when, an update is taken back. */
export interface Rollback {
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** For people: `update rolled back due to …`. */
  readonly why: string;
  /** The task whose failure was the reason. */
  readonly taskId?: string;
}

/** A service of which nothing has ever worked yet. */
export interface FirstDeployment {
  /** When its spec was last changed, so that it is tried anew (ms since the epoch). */
  readonly since: number;
  /** It failed too often, so tasks that ended get no successors before the spec is changed. */
  readonly stopped?: true;
}

/** How far the schedule of a job has been dealt with. Times in ms since the epoch. */
export interface CronState {
  /** What was due until then has been begun, or is passed over. */
  readonly since: number;
  /** The same before the clock was set back by hours: none of that is begun again when it is set forward past it. */
  readonly former?: number;
  /** When the run was due that begins once the present one is over. */
  readonly queued?: number;
  /** The last run that was passed over, and why. */
  readonly skipped?: { readonly at: number; readonly why: string };
}

/** Of each slot, by its key: the node that has what was written to a volume, by the volume's name. */
export type HeldVolumes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What Shoal keeps about a service beside Docker's fields; the API never shows it. */
export interface ServiceInternals extends SpecHistory {
  /** Grows whenever what tasks are made from changes (task template, networks, host ports), so scaling does not count. */
  readonly specVersion: number;
  /** specVersion of PreviousSpec, so that a rollback finds its old tasks still up to date. */
  readonly previousSpecVersion?: number;
  /** Set when an update was taken back, until the next one begins. */
  readonly rollback?: Rollback;
  /** Present until one of its tasks has run for Monitor, or completed. */
  readonly firstDeployment?: FirstDeployment;
  /** X-Registry-Auth header of the last create or update: base64url JSON. */
  readonly registryAuth?: Sealed;
  readonly previousRegistryAuth?: Sealed;
  /**
   * Networks its tasks join, in the spec's order; last, when it publishes ports on every node, the ingress network.
   */
  readonly attachments?: readonly ServiceAttachment[];
  /** The ports of EndpointSpec with a number for every published one. */
  readonly ports?: readonly PortConfig[];
  /** Which nodes have what its slots wrote to local volumes. Written by the orchestrator alone; absent for none. */
  readonly volumes?: HeldVolumes;
  /** Of a job with `shoal.cron`. */
  readonly cron?: CronState;
  /** Set while the service is being removed: it disappears once its last task is gone. */
  readonly removing?: boolean;
}

/** A service as stored. */
export interface Service {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly Spec: ServiceSpec;
  readonly PreviousSpec?: ServiceSpec;
  readonly UpdateStatus?: UpdateStatus;
  /** Of jobs alone. */
  readonly JobStatus?: JobStatus;
  readonly shoal: ServiceInternals;
}

export type WithMode = { readonly Mode?: ServiceSpec['Mode'] | undefined };

/** Docker's word. A service without a mode is replicated. */
export function modeOf({ Mode }: WithMode): 'global' | 'replicated' | 'global-job' | 'replicated-job' {
  if (Mode?.ReplicatedJob) return 'replicated-job';
  if (Mode?.GlobalJob) return 'global-job';
  return Mode?.Global ? 'global' : 'replicated';
}

/** It has a task on each node, and not a number of them. */
export const isPerNode = (spec: WithMode): boolean => ['global', 'global-job'].includes(modeOf(spec));

/** How many tasks a replicated service should have; Docker's default is one. */
export const replicasOf = ({ Mode }: WithMode): number => Mode?.Replicated?.Replicas ?? 1;

/** How its new tasks are asked while it is updated by canary. */
export const presentCanary = ({ Spec, UpdateStatus }: Service): CanaryCheck | undefined =>
  UpdateStatus?.State === 'updating' ? canaryCheckOf(Spec.Labels) : undefined;
