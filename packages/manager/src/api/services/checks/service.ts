import {
  canaryLabels,
  canaryLabelTrouble,
  dependsOnTrouble,
  hasIngressPorts,
  hostAccessOf,
  isJob,
  isolationLabel,
  labelTrouble,
  networksOf,
  progressDeadlineLabel,
  rolloutLabelTrouble,
  type ServiceSpec,
  scheduleTrouble,
  type TaskSpec,
  type UpdateConfig,
  wantsIsolation,
} from '../../../model/index.ts';
import { ConstraintError, nodeField, parseConstraints } from '../../../scheduler/index.ts';
import { checkName } from '../../checks/index.ts';
import { badRequest, invalid } from '../../http/index.ts';
import { checkContainer } from './container.ts';
import { checkPayloadRefs } from './payload-refs.ts';
import { checkMode, checkResources } from './resources.ts';
import { exampleOf } from './templates.ts';
import { refuseUnsupported } from './unsupported.ts';

/**
 * Throws ApiError unless Shoal can run the service exactly as `spec` says. Rules and wording are those of
 * moby daemon/cluster/convert and swarmkit manager/controlapi/service.go. `spec.Name` must be filled in.
 */
export function validateService(spec: ServiceSpec): void {
  refuseUnsupported(spec);
  const trouble =
    labelTrouble(spec.Labels) ??
    dependsOnTrouble(spec.Labels) ??
    scheduleTrouble(spec) ??
    rolloutLabelTrouble(spec.Labels) ??
    canaryLabelTrouble(spec.Labels);
  if (trouble !== undefined) throw badRequest(trouble);
  const template = spec.TaskTemplate;
  if (!template?.ContainerSpec) {
    throw badRequest('mismatched Runtime and *Spec fields: TaskTemplate.ContainerSpec must be given');
  }
  checkName(spec.Name ?? '');
  checkMode(spec);
  checkResources(template);
  checkRestart(template);
  checkPlacement(template);
  const container = exampleOf(spec, template.ContainerSpec);
  checkContainer(container);
  checkPayloadRefs(container);
  checkNameOptions(spec);
  checkUpdate('update', 'UpdateConfig', spec.UpdateConfig);
  checkUpdate('rollback', 'RollbackConfig', spec.RollbackConfig);
  checkIsolation(spec);
  checkHostAccess(spec);
  checkJob(spec);
  checkPorts(spec);
}

function checkRestart({ RestartPolicy }: TaskSpec): void {
  if ((RestartPolicy?.Delay ?? 0) < 0) {
    throw invalid('TaskSpec: restart-delay cannot be negative', 'TaskTemplate.RestartPolicy.Delay');
  }
  if ((RestartPolicy?.Window ?? 0) < 0) {
    throw invalid('TaskSpec: restart-window cannot be negative', 'TaskTemplate.RestartPolicy.Window');
  }
}

function checkPlacement({ Placement }: TaskSpec): void {
  for (const [i, text] of (Placement?.Constraints ?? []).entries()) {
    try {
      parseConstraints([text]);
    } catch (error) {
      if (error instanceof ConstraintError)
        throw invalid(error.message, `TaskTemplate.Placement.Constraints[${i}]`);
      throw error;
    }
  }
  for (const [i, { Spread }] of (Placement?.Preferences ?? []).entries()) {
    const over = Spread?.SpreadDescriptor ?? '';
    if (!nodeField(over)) {
      throw badRequest(
        `TaskTemplate.Placement.Preferences[${i}].Spread.SpreadDescriptor: "${over}" is none of ` +
          'node.labels.NAME, engine.labels.NAME, node.id, node.hostname, node.role, node.platform.os, node.platform.arch',
      );
    }
  }
}

function checkUpdate(what: string, path: string, config: UpdateConfig | null | undefined): void {
  if ((config?.Delay ?? 0) < 0) {
    throw invalid(`TaskSpec: ${what}-delay cannot be negative`, `${path}.Delay`);
  }
  if ((config?.Monitor ?? 0) < 0) {
    throw invalid(`TaskSpec: ${what}-monitor cannot be negative`, `${path}.Monitor`);
  }
}

/** Of a service that must run only once, no second copy is started beside the first. */
function checkIsolation({ Labels, UpdateConfig, RollbackConfig }: ServiceSpec): void {
  if (!wantsIsolation(Labels)) return;
  for (const [path, config] of Object.entries({ UpdateConfig, RollbackConfig })) {
    if (config?.Order === 'start-first')
      throw badRequest(`${path}.Order: must be stop-first with Labels["${isolationLabel}"]=stop`);
  }
}

/** Docker refuses it on every host: the name would be the host's own. */
function checkHostAccess({ Labels, TaskTemplate }: ServiceSpec): void {
  const sharesName = hostAccessOf(Labels)?.namespaces?.includes('uts');
  if (sharesName && TaskTemplate?.ContainerSpec?.Hostname)
    throw badRequest(
      'TaskTemplate.ContainerSpec.Hostname: can not be combined with Labels["shoal.uts"]=host',
    );
}

/** A job is not updated step by step: each update is a new run of it. */
function checkJob(spec: ServiceSpec): void {
  if (!isJob(spec)) return;
  if (spec.UpdateConfig) throw invalid('Jobs may not have an update config', 'UpdateConfig');
  const idle = [...canaryLabels, progressDeadlineLabel].find((label) => spec.Labels?.[label] !== undefined);
  if (idle) throw badRequest(`Labels["${idle}"]: says nothing of a job, each update of which is a new run`);
  // Docker refuses it in its client only.
  if (spec.RollbackConfig) throw badRequest('RollbackConfig: a job has no rollbacks; leave it out');
}

/** With `ndots`, Docker's resolver in the container keeps names without a dot, so services', to itself. */
function checkNameOptions(spec: ServiceSpec): void {
  const options = spec.TaskTemplate?.ContainerSpec?.DNSConfig?.Options ?? [];
  if (networksOf(spec).length > 0 && options.some((option) => option.startsWith('ndots:'))) {
    throw badRequest(
      'TaskTemplate.ContainerSpec.DNSConfig.Options: ndots can not be combined with networks: the names of ' +
        'services would not be found',
    );
  }
}

/** Services may share a host port: the scheduler puts their tasks on different nodes. */
function checkPorts(spec: ServiceSpec): void {
  const { EndpointSpec } = spec;
  if (EndpointSpec?.Mode === 'dnsrr' && hasIngressPorts(spec)) {
    throw invalid(
      "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
      'EndpointSpec.Mode',
    );
  }
  const taken = new Set<string>();
  for (const [i, port] of (EndpointSpec?.Ports ?? []).entries()) {
    if (!port.TargetPort) throw badRequest(`EndpointSpec.Ports[${i}].TargetPort: must be 1 to 65535`);
    if (!port.PublishedPort) continue;
    const key = `${port.PublishedPort}/${port.Protocol ?? 'tcp'}`;
    if (taken.has(key))
      throw invalid(
        'EndpointSpec: duplicate published ports provided',
        `EndpointSpec.Ports[${i}].PublishedPort`,
      );
    taken.add(key);
  }
}
