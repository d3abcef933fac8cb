import { isDeepStrictEqual } from 'node:util';
import type { ServiceSpec } from '../model/index.ts';

/**
 * Fields that are pointers in Docker's Go types: there, 0 or false is something else than absent (a restart
 * delay of 0 is not the default of 5 s). Everywhere else Go clients drop 0, false and "" on the way.
 */
const zeroCounts = new Set(['Init', 'StopGracePeriod', 'Delay', 'SwapBytes', 'MemorySwappiness']);
/** Fields with names and values of the user's own. */
const userMaps = new Set(['Labels', 'Options', 'DriverOpts', 'Sysctls']);

/** Whether the tasks of `before` must be replaced for `after`: its task template or host ports differ. */
export const needsNewTasks = (before: ServiceSpec, after: ServiceSpec): boolean =>
  !isDeepStrictEqual(essence(before), essence(after));

function essence(spec: ServiceSpec): unknown {
  const { Runtime: _, ...template } = spec.TaskTemplate ?? {};
  const ports = (spec.EndpointSpec?.Ports ?? [])
    .filter(({ PublishMode }) => PublishMode === 'host')
    .map((port) =>
      JSON.stringify([port.Protocol ?? 'tcp', port.TargetPort, port.PublishedPort ?? 0, port.Name ?? '']),
    )
    .toSorted();
  return { template: essential(template), ports };
}

/** `value` without what means nothing; undefined when nothing is left. */
function essential(value: unknown, key = ''): unknown {
  if (value === null || value === undefined || value === '') return undefined;
  if ((value === 0 || value === false) && !zeroCounts.has(key)) return undefined;
  if (Array.isArray(value)) {
    // An element counts even when it is empty, as in the command ["echo", ""].
    return value.length === 0 ? undefined : value.map((item) => essential(item) ?? item);
  }
  if (typeof value !== 'object') return value;
  const entries = Object.entries(value)
    .map(([name, item]) => [name, userMaps.has(key) ? item : essential(item, name)] as const)
    .filter(([, item]) => item !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
