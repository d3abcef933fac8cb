import { hasIngressPorts, networkModeOf, type ServiceSpec } from '../model/index.ts';

/**
 * Fields that are pointers in Docker's Go types: there, 0 or false is something else than absent (a restart
 * delay of 0 is not the default of 5 s). Everywhere else Go clients drop 0, false and "" on the way.
 */
const zeroCounts = new Set(['Init', 'StopGracePeriod', 'Delay', 'SwapBytes', 'MemorySwappiness']);
/** Fields with names and values of the user's own. */
const userMaps = new Set(['Labels', 'Options', 'DriverOpts', 'Sysctls']);
/** Lists whose order says nothing; docker's client sorts the mounts whenever it updates a service. */
const sets = new Set([
  'Mounts',
  'Constraints',
  'CapabilityAdd',
  'CapabilityDrop',
  'Ulimits',
  'Platforms',
  'Networks',
  'Aliases',
]);

/** Whether the tasks of `before` must be replaced for `after`: its task template, networks or host ports differ. */
export const needsNewTasks = (before: ServiceSpec, after: ServiceSpec): boolean =>
  essence(before) !== essence(after);

function essence(spec: ServiceSpec): string {
  const { Runtime: _, ...template } = spec.TaskTemplate ?? {};
  const ports = (spec.EndpointSpec?.Ports ?? [])
    .filter(({ PublishMode }) => PublishMode === 'host')
    .map((port) =>
      JSON.stringify([port.Protocol ?? 'tcp', port.TargetPort, port.PublishedPort ?? 0, port.Name ?? '']),
    )
    .toSorted();
  return JSON.stringify([essential(template), ports, hasIngressPorts(spec), networkModeOf(spec) ?? '']);
}

/** `value` in one form for all that mean the same; undefined when it means nothing. */
function essential(value: unknown, key = ''): unknown {
  if (value === null || value === undefined || value === '') return undefined;
  if ((value === 0 || value === false) && !zeroCounts.has(key)) return undefined;
  if (Array.isArray(value)) return essentialList(value, key);
  if (typeof value !== 'object') return value;
  const entries = Object.entries(value)
    .map(([name, item]) => [name, userMaps.has(key) ? item : essential(item, name)] as const)
    .filter(([, item]) => item !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : entries;
}

/** An element counts even when it is empty, as in the command ["echo", ""]. */
function essentialList(list: readonly unknown[], key: string): unknown {
  if (list.length === 0) return undefined;
  const items = list.map((item) => JSON.stringify(essential(item) ?? item));
  return sets.has(key) ? items.toSorted() : items;
}
