import {
  type Allocated,
  allocateService,
  NeededPortError,
  NoAddressError,
  NoPortError,
  neededPorts,
  PortTakenError,
  unservedOf,
} from '../../allocator/index.ts';
import { endpointOptions } from '../../container-body/index.ts';
import {
  companionOf,
  dependenciesOf,
  dependsOnLabel,
  hasIngressPorts,
  networkLabel,
  networkModeOf,
  type Service,
  type ServiceSpec,
  type TaskSpec,
} from '../../model/index.ts';
import type { ReadView, Tx } from '../../store/index.ts';
import { badRequest, invalid, rpcError } from '../http/index.ts';
import { findNetwork, idOf, nameOf } from '../networks/index.ts';
import {
  isVisible,
  publishedPorts,
  refusePortsInUse,
  unservedPorts,
  unservedThere,
} from '../objects/index.ts';
import { missingNeighbours } from './affinity.ts';
import { isNetSysctl } from './checks/index.ts';

type Attachment = NonNullable<NonNullable<TaskSpec['Networks']>[number]>;

/**
 * The spec with its networks by their ids, as Docker keeps it, and where clients look for them. Throws 404 for a
 * network that is not there, 400 for combinations that no host could make.
 */
export function resolveNetworks(view: ReadView, spec: ServiceSpec): ServiceSpec {
  const { Networks: outer, ...rest } = spec;
  const inner = spec.TaskTemplate?.Networks ?? [];
  if ((outer ?? []).length > 0 && inner.length > 0) {
    throw badRequest('Networks: name the networks in TaskTemplate.Networks only');
  }
  const wanted = inner.length > 0 ? inner : (outer ?? []);
  checkCompanion(view, spec, wanted.length);
  if (wanted.length === 0) return spec;
  const resolved = wanted.map((attachment, i) => resolve(view, attachment, `TaskTemplate.Networks[${i}]`));
  const result = { ...rest, TaskTemplate: { ...spec.TaskTemplate, Networks: resolved } };
  checkCombination(view, result, resolved);
  return result;
}

function resolve(view: ReadView, attachment: Attachment, path: string): Attachment {
  const { Target, Aliases } = attachment;
  if (!Target) throw badRequest(`${path}.Target: a network must be named`);
  const network = findNetwork(view, Target);
  if (network.stored?.Spec.Ingress) {
    const text = `Service cannot be explicitly attached to the ingress network "${nameOf(network)}"`;
    throw invalid(text, `${path}.Target`);
  }
  if (network.predefined && (Aliases ?? []).length > 0) {
    throw badRequest(`${path}.Aliases: network-scoped aliases are only supported for user-defined networks`);
  }
  for (const [i, alias] of (Aliases ?? []).entries()) {
    if (!isHostName(alias)) throw badRequest(`${path}.Aliases[${i}]: "${alias}" is not a valid host name`);
  }
  checkDriverOpts(attachment, network.predefined !== undefined, path);
  return { ...attachment, Target: idOf(network) };
}

/** One setting of the container's end, with IFNAME for its name; more with commas between (docker network connect). */
const endpointSysctl = /^net\.[a-z0-9_]+\.[a-z0-9_.-]+\.IFNAME\.[a-z0-9_.-]+=[^,]*$/i;
/** As Linux takes it (dev_valid_name). */
const interfaceName = /^(?!\.{1,2}$)[^\s/:]{1,15}$/;

function checkDriverOpts({ DriverOpts }: Attachment, isPredefined: boolean, path: string): void {
  for (const [name, value] of Object.entries(DriverOpts ?? {})) {
    const at = `${path}.DriverOpts["${name}"]`;
    if (isPredefined) throw badRequest(`${at}: only networks that people made take options`);
    if (endpointOptions[name] === undefined)
      throw badRequest(`${at}: not served; networks take ${Object.keys(endpointOptions).join(', ')}`);
    const isRight = name.endsWith('.ifname')
      ? interfaceName.test(value)
      : value.split(',').every((one) => endpointSysctl.test(one.trim()));
    const form = name.endsWith('.ifname')
      ? 'the name of an interface, 15 characters at most'
      : 'net.PROTOCOL.….IFNAME.SETTING=VALUE, with commas between several';
    if (!isRight) throw badRequest(`${at}: must be ${form}, got "${value}"`);
  }
}

const isHostName = (text: string): boolean =>
  text.length <= 253 &&
  /^[a-z0-9_](?:[-_a-z0-9]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[-_a-z0-9]{0,61}[a-z0-9_])?)*$/i.test(text);

function checkCombination(view: ReadView, spec: ServiceSpec, networks: readonly Attachment[]): void {
  const ids = networks.map(({ Target }) => Target ?? '');
  const twice = ids.findIndex((id, i) => ids.indexOf(id) !== i);
  if (twice >= 0) {
    const name = nameOf(findNetwork(view, ids[twice] ?? ''));
    throw badRequest(`TaskTemplate.Networks[${twice}]: network ${name} is named twice`);
  }
  const mode = networkModeOf(spec);
  if (mode === undefined) return;
  if (ids.length > 1) {
    throw badRequest(`TaskTemplate.Networks: network ${mode} can not be combined with other networks`);
  }
  const hasPorts = (spec.EndpointSpec?.Ports ?? []).length > 0;
  if (mode !== 'bridge' && hasPorts) {
    const why =
      mode === 'host' ? "the container's ports are the host's already" : 'there is no network to reach them';
    throw badRequest(`EndpointSpec.Ports: ports can not be published with network ${mode}: ${why}`);
  }
  checkHostSysctls(mode, spec);
  if (hasIngressPorts(spec)) {
    throw badRequest(
      'EndpointSpec.Ports: with network bridge, ports are published on the hosts of the tasks only: use mode=host',
    );
  }
}

/** They would be the host's own, and its runtime refuses them. */
function checkHostSysctls(mode: string, { TaskTemplate }: ServiceSpec): void {
  const name = Object.keys(TaskTemplate?.ContainerSpec?.Sysctls ?? {}).find(isNetSysctl);
  if (mode === 'host' && name !== undefined) {
    throw badRequest(
      `TaskTemplate.ContainerSpec.Sysctls["${name}"]: can not be set with network host: it is the host's`,
    );
  }
}

/** `shoal.network=service:NAME`: the tasks live in another's network and have nothing of their own. */
function checkCompanion(view: ReadView, spec: ServiceSpec, networks: number): void {
  const name = companionOf(spec.Labels?.[networkLabel]);
  if (name === undefined) return;
  const path = `Labels["${networkLabel}"]`;
  const companion = serviceNamed(view, name);
  if (name === spec.Name) throw badRequest(`${path}: a service can't share its own network`);
  if (companion?.Spec.Labels?.[networkLabel] !== undefined) {
    throw badRequest(`${path}: service ${name} shares the network of another one itself; name that one`);
  }
  if (networks > 0)
    throw badRequest(`${path}: a service that shares a network can't have networks of its own`);
  const { Hostname, Hosts, DNSConfig } = spec.TaskTemplate?.ContainerSpec ?? {};
  const own = { Hostname, Hosts: Hosts?.[0], DNSConfig: Object.values(DNSConfig ?? {}).flat()[0] };
  for (const [field, value] of Object.entries(own)) {
    if (value)
      throw badRequest(`TaskTemplate.ContainerSpec.${field}: comes with the network of service ${name}`);
  }
  if ((spec.EndpointSpec?.Ports ?? []).length > 0) {
    throw badRequest(`${path}: publish the ports on service ${name}, whose network is shared`);
  }
}

const serviceNamed = (view: ReadView, name: string) => view.services.by('name', name).find(isVisible);

/**
 * What a client is told beside success; null for nothing. A service may name one that comes later, since
 * `docker stack deploy` makes a stack's services in no particular order.
 */
export function warningsFor(view: ReadView, service: Service | undefined): string[] | null {
  if (!service) return null;
  const name = companionOf(service.Spec.Labels?.[networkLabel]);
  const warnings = [
    ...unservedPorts(publishedPorts([service]), view.nodes.all()).map((one) => unservedThere(view, one)),
    ...missingNeighbours(view, service.Spec),
    ...((service.shoal.ports ?? []).length > 0 ? unservedOf(service, neededPorts(view)) : []),
  ];
  const others = dependenciesOf(service.Spec.Labels).map((one) => ({
    label: dependsOnLabel,
    name: one.service,
  }));
  for (const other of [...(name === undefined ? [] : [{ label: networkLabel, name }]), ...others])
    if (!serviceNamed(view, other.name))
      warnings.push(`Labels["${other.label}"]: there is no service ${other.name} yet; tasks wait for it`);
  return warnings.length > 0 ? warnings : null;
}

/** The service's networks, addresses and ports; what `previous` has of them stays. Throws ApiError: 400 for what is not free. */
export function allocateOrRefuse(
  tx: Tx,
  id: string,
  spec: ServiceSpec,
  previous: Partial<Allocated>,
  now: number,
): Allocated {
  try {
    const allocated = allocateService(tx, id, spec, previous, now);
    refusePortsInUse(tx, id, allocated.ports, previous.ports ?? []);
    return allocated;
  } catch (error) {
    if (error instanceof PortTakenError || error instanceof NeededPortError)
      throw invalid(error.message, 'EndpointSpec.Ports');
    if (error instanceof NoPortError || error instanceof NoAddressError) {
      throw rpcError('FailedPrecondition', error.message);
    }
    throw error;
  }
}
