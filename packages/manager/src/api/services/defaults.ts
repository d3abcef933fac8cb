import {
  type ApiService,
  isJob,
  jobRestartPolicy,
  type Service,
  type UpdateConfig,
} from '../../model/index.ts';
import { updateRules } from '../../services/index.ts';
import type { ReadView } from '../../store/index.ts';
import { serviceView } from '../objects/index.ts';

const seconds = 1_000_000_000;

/** `insertDefaults=true`: the spec with what applies where it says nothing. Durations in nanoseconds. */
export function withDefaults(view: ReadView, stored: Service): ApiService {
  const service = serviceView(view, stored);
  const { Spec } = service;
  const template = Spec.TaskTemplate ?? {};
  const { RestartPolicy, ContainerSpec } = template;
  const ofJob = isJob(Spec);
  return {
    ...service,
    Spec: {
      ...Spec,
      TaskTemplate: {
        ...template,
        ContainerSpec: {
          ...ContainerSpec,
          StopGracePeriod: ContainerSpec?.StopGracePeriod ?? 10 * seconds,
          DNSConfig: ContainerSpec?.DNSConfig ?? {},
        },
        Resources: template.Resources ?? {},
        RestartPolicy: {
          ...RestartPolicy,
          Condition: ofJob ? jobRestartPolicy(RestartPolicy).Condition : (RestartPolicy?.Condition ?? 'any'),
          Delay: RestartPolicy?.Delay ?? 5 * seconds,
          MaxAttempts: RestartPolicy?.MaxAttempts ?? 0,
        },
        Placement: template.Placement ?? {},
      },
      ...(!ofJob && {
        UpdateConfig: updateConfig(stored, 'updating'),
        RollbackConfig: updateConfig(stored, 'rollback_started'),
      }),
    },
  };
}

/** What the orchestrator would do, which is not always what Docker would: it takes a failed update back. */
function updateConfig(service: Service, state: 'updating' | 'rollback_started'): UpdateConfig {
  const rules = updateRules({ ...service, UpdateStatus: { State: state } });
  return {
    ...(state === 'updating' ? service.Spec.UpdateConfig : service.Spec.RollbackConfig),
    Parallelism: Number.isFinite(rules.parallelism) ? rules.parallelism : 0,
    FailureAction: rules.failureAction,
    Monitor: rules.monitorMs * 1e6,
    MaxFailureRatio: rules.maxFailureRatio,
    Order: rules.order,
  };
}
