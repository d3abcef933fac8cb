import type { Open } from '../../container-body/index.ts';
import { isoTime } from '../../effects.ts';
import {
  isJob,
  modeOf,
  nextRun,
  type Sealed,
  type Service,
  type ServiceSpec,
  sawSpec,
  scheduleOf,
  type UpdateStatus,
} from '../../model/index.ts';
import { adopt, currentTarget, isSameTemplate, underWayText } from '../../services/index.ts';
import type { ReadView, Tx } from '../../store/index.ts';
import { refuseUnknownLabels } from '../checks/index.ts';
import { badRequest, notFound, outOfSequence, rpcError } from '../http/index.ts';
import { isVisible } from '../objects/index.ts';
import { checkAffinities } from './affinity.ts';
import { validateService } from './checks/index.ts';
import { nameFor } from './names.ts';
import { allocateOrRefuse, resolveNetworks } from './networks.ts';
import { refuseLostPayloads, resolvePayloads } from './payloads.ts';
import { refuseCircle } from './start-order.ts';

/**
 * Adds a service. `now` in ms since the epoch; `open` opens what its secrets and configs hold. Throws ApiError: 400 for a spec that can't be honoured, 404 for a
 * network that is not there, 409 for a name in use.
 */
export function createService(
  tx: Tx,
  id: string,
  sent: ServiceSpec,
  registryAuth: Sealed | undefined,
  now: number,
  open: Open,
): Service {
  const named = sent.Name ? sent : { ...sent, Name: nameFor(id, (name) => isTaken(tx, name)) };
  checkLabels(named);
  validateService(named);
  checkAffinities(named);
  const spec = resolvePayloads(tx, resolveNetworks(tx, named), open);
  refuseCircle(tx, spec);
  const name = spec.Name ?? '';
  if (isTaken(tx, name)) {
    throw rpcError('AlreadyExists', `name conflicts with an existing object: service ${name} already exists`);
  }
  return tx.services.create({
    ID: id,
    Spec: spec,
    shoal: {
      specVersion: 1,
      ...(!isJob(spec) && { firstDeployment: { since: now } }),
      replacedIndex: tx.revision - 1,
      ...allocateOrRefuse(tx, id, spec, {}, now),
      ...(registryAuth && { registryAuth }),
    },
    ...jobFields(undefined, spec, now),
  });
}

function checkLabels(spec: ServiceSpec, before?: ServiceSpec): void {
  refuseUnknownLabels('service', spec.Labels, before?.Labels);
  refuseUnknownLabels(
    'container',
    spec.TaskTemplate?.ContainerSpec?.Labels,
    before?.TaskTemplate?.ContainerSpec?.Labels,
    'TaskTemplate.ContainerSpec.Labels',
  );
}

const isTaken = (view: ReadView, name: string): boolean => view.services.by('name', name).some(isVisible);

export interface ServiceUpdate {
  readonly id: string;
  /** Version.Index of the service that the client changed. */
  readonly version: number;
  readonly spec: ServiceSpec;
  /** X-Registry-Auth header; without it the credentials of `authFrom` stay in use. */
  readonly registryAuth: Sealed | undefined;
  readonly authFrom: 'spec' | 'previous-spec';
  /** Go back to the previous spec; `spec` is only checked then, as in Docker. */
  readonly rollback: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly open: Open;
  /**
   * Its secrets and configs shall be the newest, as with `--force`. Else it keeps those that it has: scaling brings back nothing that was
   * rolled back.
   */
  readonly renewContents?: true;
}

/**
 * Changes a service, in the order of checks of swarmkit's controlapi. Throws ApiError: 400 for a spec that
 * can't be honoured, 404, 501 for a change of name or mode, 500 for a stale version (Docker's status).
 */
export function updateService(tx: Tx, update: ServiceUpdate): Service {
  validateService(update.spec);
  const networked = resolveNetworks(tx, update.spec);
  const service = tx.services.get(update.id);
  if (!isVisible(service)) throw notFound('service', update.id);
  const isRenewed = update.renewContents || forceOf(service.Spec) !== forceOf(networked);
  const spec = resolvePayloads(tx, networked, update.open, isRenewed ? undefined : service.Spec);
  checkLabels(update.spec, service.Spec);
  checkAffinities(update.spec);
  const auth = credentials(service, update);
  if (modeOf(service.Spec) !== modeOf(spec)) {
    throw rpcError('Unimplemented', 'service mode change is not allowed');
  }
  if (service.Spec.Name !== spec.Name) {
    throw rpcError('Unimplemented', 'renaming services is not supported');
  }
  if (update.rollback && isJob(spec))
    throw badRequest('a job can not be rolled back: update it to its former spec');
  if (update.rollback) return rollBack(tx, service, update);
  if (!sawSpec(update.version, service.Version, service.shoal)) throw outOfSequence();
  refuseCircle(tx, spec);
  const specVersion = isSameTemplate(templateOf(service.Spec), templateOf(spec))
    ? service.shoal.specVersion
    : newestSpecVersion(tx, service) + 1;
  const { UpdateStatus: _, ...rest } = service;
  const next = {
    ...rest,
    Spec: spec,
    PreviousSpec: service.Spec,
    ...jobFields(service, spec, update.now),
    shoal: {
      specVersion,
      previousSpecVersion: service.shoal.specVersion,
      ...triedAnew(service, update.now),
      replacedIndex: service.Version.Index,
      ...allocateOrRefuse(tx, service.ID, spec, service.shoal, update.now),
      ...cronField(service, spec),
      ...(auth && { registryAuth: auth }),
      ...(service.shoal.registryAuth && { previousRegistryAuth: service.shoal.registryAuth }),
      ...(service.shoal.volumes && { volumes: service.shoal.volumes }),
    },
  };
  const status = updateStatus(tx, next, update.now);
  return tx.services.update({ ...next, ...(status && { UpdateStatus: status }) });
}

/**
 * Each update of a job is a new run of it, as in Swarm; but one with a schedule runs when that says so, and when people force it.
 */
function jobFields(before: Service | undefined, spec: ServiceSpec, now: number): Pick<Service, 'JobStatus'> {
  if (!isJob(spec)) return {};
  const forced = before !== undefined && forceOf(before.Spec) !== forceOf(spec);
  if (!scheduleOf(spec.Labels) || forced) return { JobStatus: nextRun(before ?? {}, isoTime(now)) };
  return { JobStatus: before?.JobStatus ?? { JobIteration: { Index: 0 } } };
}

const forceOf = ({ TaskTemplate }: ServiceSpec): number => TaskTemplate?.ForceUpdate ?? 0;

/** How far its schedule has been dealt with. One that is new, or another one than before, begins when the cron loop sees it. */
function cronField(before: Service, spec: ServiceSpec): Pick<Service['shoal'], 'cron'> {
  const schedule = scheduleOf(spec.Labels);
  const former = scheduleOf(before.Spec.Labels);
  const isSame = former?.expression === schedule?.expression && former?.timezone === schedule?.timezone;
  return schedule && isSame && before.shoal.cron ? { cron: before.shoal.cron } : {};
}

const templateOf = (Spec: ServiceSpec) => currentTarget({ Spec, shoal: { specVersion: 0 } });

function rollBack(tx: Tx, service: Service, { version, now }: ServiceUpdate): Service {
  const { PreviousSpec, shoal } = service;
  if (!PreviousSpec) {
    throw rpcError('FailedPrecondition', `service ${service.ID} does not have a previous spec`);
  }
  if (!sawSpec(version, service.Version, service.shoal)) throw outOfSequence();
  refuseCircle(tx, PreviousSpec);
  refuseLostPayloads(tx, PreviousSpec);
  return tx.services.update({
    ...service,
    Spec: PreviousSpec,
    PreviousSpec: service.Spec,
    UpdateStatus: {
      State: 'rollback_started',
      StartedAt: isoTime(now),
      Message: underWayText.rollback,
    },
    shoal: {
      specVersion: shoal.previousSpecVersion ?? shoal.specVersion,
      previousSpecVersion: shoal.specVersion,
      ...triedAnew(service, now),
      replacedIndex: service.Version.Index,
      ...allocateOrRefuse(tx, service.ID, resolveNetworks(tx, PreviousSpec), shoal, now),
      ...(shoal.previousRegistryAuth && { registryAuth: shoal.previousRegistryAuth }),
      ...(shoal.registryAuth && { previousRegistryAuth: shoal.registryAuth }),
      ...(shoal.volumes && { volumes: shoal.volumes }),
    },
  });
}

/** What never ran is tried again from the beginning, whatever was changed. */
const triedAnew = ({ shoal }: Service, now: number) =>
  shoal.firstDeployment && { firstDeployment: { since: now } };

/** Hides a service at once and frees its ports; the orchestrator stops its tasks and then drops it. */
export function removeService(tx: Tx, id: string): void {
  const service = tx.services.get(id);
  if (!isVisible(service)) throw notFound('service', id);
  tx.services.update({ ...service, shoal: { ...service.shoal, ports: [], removing: true } });
}

function credentials(service: Service, { registryAuth, authFrom }: ServiceUpdate): Sealed | undefined {
  if (registryAuth) return registryAuth;
  if (authFrom === 'spec') return service.shoal.registryAuth;
  if (!service.PreviousSpec) throw badRequest('registryAuthFrom: service does not have a previous spec');
  return service.shoal.previousRegistryAuth;
}

/** Counts the tasks' too: after a rollback, tasks of a spec that is forgotten may still be there. */
function newestSpecVersion(view: ReadView, { ID, shoal }: Service): number {
  const ofTasks = view.tasks.by('service', ID).map((task) => task.shoal.specVersion);
  return ofTasks.reduce(
    (a, b) => Math.max(a, b),
    Math.max(shoal.specVersion, shoal.previousSpecVersion ?? 0),
  );
}

/**
 * Set at once, so that a client that waits for the update never sees the service idle before it began. Undefined when
 * nothing has to be replaced.
 */
function updateStatus(view: ReadView, service: Service, now: number): UpdateStatus | undefined {
  if (isJob(service.Spec)) return undefined;
  const tasks = view.tasks.by('service', service.ID);
  const { outdated } = adopt(service, tasks, view.nodes, (nodeId) => view.tasks.by('node', nodeId));
  if (outdated.length === 0) return undefined;
  return { State: 'updating', StartedAt: isoTime(now), Message: underWayText.update };
}
