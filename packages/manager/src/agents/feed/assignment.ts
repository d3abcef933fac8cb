import type * as proto from '@shoal/proto';
import { type CreateBody, encodeDesired } from '@shoal/proto';
import { containerName, taskName } from '@shoal/proto/rules';
import { containerBody, surroundingsOf } from '../../container-body/index.ts';
import {
  drainMs,
  isTerminal,
  payloadFiles,
  presentCanary,
  purposes,
  readyCheckOf,
  restartRules,
  type Service,
  slotOf,
  stateOf,
  type Task,
  type TaskSpec,
} from '../../model/index.ts';
import type { Source } from './kind.ts';
import { payloadId } from './payload-id.ts';

/**
 * The model's task as the agent gets it. `service` may be gone already; its tasks then only have to end.
 * `held`: it shall stop, but runs on until all nodes have taken it out of their load balancers.
 */
export function toAssignment(
  task: Task,
  service: Service | undefined,
  { held, view, unseal }: Pick<Source, 'view' | 'unseal'> & { readonly held: boolean },
): proto.Assignment {
  const auth = service?.shoal.registryAuth;
  const serviceName = service?.Spec.Name ?? task.ServiceID;
  const name = containerName(serviceName, slotOf(task), task.ID);
  const createBody: CreateBody = containerBody(
    task,
    { serviceName, containerName: name },
    surroundingsOf(task, service, view.nodes.get(task.NodeID ?? '')),
  );
  // A task that has ended must not be started again, whatever the manager wanted of it before.
  const wanted = held || isOrphaned(task) ? 'running' : task.DesiredState;
  const desired = isTerminal(stateOf(task)) && wanted !== 'remove' ? 'shutdown' : wanted;
  return {
    taskId: task.ID,
    serviceId: task.ServiceID,
    serviceName,
    taskName: taskName(serviceName, slotOf(task)),
    containerName: name,
    desiredState: encodeDesired(desired),
    registryAuth: auth ? unseal(purposes.registryAuth(task.ServiceID), auth) : '',
    attachments: (task.shoal.attachments ?? []).map(({ networkId, address }) => ({
      networkId,
      address,
      driverOpts: driverOpts(task.Spec, networkId),
    })),
    drainMs: drainMs(service?.Spec.Labels),
    // A host that is alone starts nothing that may run only once.
    restart: task.shoal.isolated ? undefined : restartPolicy(task.Spec.RestartPolicy),
    isolated: task.shoal.isolated ?? false,
    createBody: JSON.stringify(createBody),
    ready: readyCheck(service),
    canary: service && canaryCheck(task, service),
    files: payloadFiles(task.Spec.ContainerSpec).map((file) => ({
      kind: file.kind,
      id: payloadId(view, file, task.ID),
      uid: file.uid,
      gid: file.gid,
      mode: file.mode,
    })),
  };
}

const driverOpts = ({ Networks }: TaskSpec, networkId: string) =>
  Networks?.find(({ Target }) => Target === networkId)?.DriverOpts ?? {};

/** Its node is back, but what becomes of it is not decided yet. */
const isOrphaned = ({ DesiredState, shoal }: Task): boolean =>
  DesiredState === 'shutdown' && shoal.orphaned === true;

function readyCheck(service: Service | undefined): proto.ReadyCheck | undefined {
  const check = readyCheckOf(service?.Spec.Labels);
  return check && { ...check, command: [...check.command] };
}

/** Only while it is judged: afterwards it is a task like any other. */
const canaryCheck = (task: Task, service: Service): proto.CanaryCheck | undefined =>
  task.shoal.specVersion === service.shoal.specVersion ? presentCanary(service) : undefined;

function restartPolicy(from: TaskSpec['RestartPolicy']): proto.RestartPolicy {
  const { condition, delayMs, maxAttempts, windowMs } = restartRules(from);
  return { condition, delayMs: Math.ceil(delayMs), maxAttempts, windowMs: Math.ceil(windowMs) };
}
