import { memoryReservation } from '../../container-body/index.ts';
import type { TaskSpec } from '../../model/index.ts';
import type { Target } from '../new-task.ts';

/**
 * Fields that are pointers in Docker's Go types: there, 0 or false is something else than absent (a restart
 * delay of 0 is not the default of 5 s). Everywhere else Go clients drop 0, false and "" on the way.
 */
const zeroCounts = new Set(['Init', 'StopGracePeriod', 'Delay', 'SwapBytes', 'MemorySwappiness']);
/** What saying nothing means: defaults of Docker's that clients say aloud. Times in nanoseconds. */
const defaults: Readonly<Record<string, unknown>> = {
  // RestartPolicy
  Condition: 'any',
  Delay: 5e9,
  // ContainerSpec
  StopGracePeriod: 10e9,
  Isolation: 'default',
  // Privileges.Seccomp, Privileges.AppArmor
  Mode: 'default',
  // Mounts
  Type: 'bind',
  Consistency: 'default',
  Propagation: 'rprivate',
  // Resources
  MemorySwappiness: -1,
  // TaskTemplate
  Runtime: 'container',
};
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
  'Secrets',
  'Configs',
]);

/** Whether both say the same: a task of one needs nothing to be one of the other. */
export const isSameTemplate = (a: Target, b: Target): boolean =>
  wholeText(a.spec) === wholeText(b.spec) && isSameJoin(a, b);

/**
 * Whether a task of `from` becomes one of `to` in the container it has. What it may do there, for how long, and how
 * much it may use, is said to its host; where it may be is judged by where it is.
 */
export const fitsContainer = (from: Target, to: Target): boolean =>
  containerText(from.spec) === containerText(to.spec) &&
  isSameJoin(from, to) &&
  canBeLimited(from.spec.Resources, to.spec.Resources);

/** What a container is made of, and can't be changed in. */
function ofContainer({
  Placement: _p,
  RestartPolicy: _r,
  Resources,
  ContainerSpec,
  ...rest
}: TaskSpec): TaskSpec {
  const { StopGracePeriod: _s, ...container } = ContainerSpec ?? {};
  return {
    ...rest,
    ContainerSpec: container,
    Resources: {
      MemorySwappiness: Resources?.MemorySwappiness ?? null,
      // The container finds its units in its environment.
      Reservations: { GenericResources: Resources?.Reservations?.GenericResources ?? null },
    },
  };
}

/** Docker's update call gives a container new limits, but takes none away, except that on PIDs. */
function canBeLimited(from: TaskSpec['Resources'], to: TaskSpec['Resources']): boolean {
  const [had, has] = [from, to].map((resources) => [
    resources?.Limits?.NanoCPUs ?? 0,
    resources?.Limits?.MemoryBytes ?? 0,
    Number(resources?.SwapBytes != null),
    memoryReservation(resources),
  ]);
  return (had ?? []).every((amount, i) => amount === 0 || (has?.[i] ?? 0) > 0);
}

export const haveSameLimits = (a: TaskSpec['Resources'], b: TaskSpec['Resources']): boolean =>
  limitsText(a) === limitsText(b);

const limitsText = (resources: TaskSpec['Resources']): string =>
  JSON.stringify([essential(resources?.Limits), resources?.SwapBytes, memoryReservation(resources)]);

// Specs never change in place, so each is brought into its form once, however often it is compared.
const wholes = new WeakMap<TaskSpec, string>();
const containers = new WeakMap<TaskSpec, string>();

const wholeText = (spec: TaskSpec): string => textOf(wholes, spec, () => spec);
const containerText = (spec: TaskSpec): string => textOf(containers, spec, () => ofContainer(spec));

function textOf(texts: WeakMap<TaskSpec, string>, spec: TaskSpec, part: () => TaskSpec): string {
  const known = texts.get(spec);
  if (known !== undefined) return known;
  const text = JSON.stringify(essential(part())) ?? '';
  texts.set(spec, text);
  return text;
}

/** What a task has of its host and its networks. */
const isSameJoin = (a: Target, b: Target): boolean =>
  a.networkMode === b.networkMode &&
  JSON.stringify(a.hostAccess) === JSON.stringify(b.hostAccess) &&
  a.networks.toSorted().join() === b.networks.toSorted().join() &&
  portsText(a) === portsText(b);

const portsText = ({ ports }: Target): string =>
  ports
    .map((port) =>
      JSON.stringify([port.Protocol ?? 'tcp', port.TargetPort, port.PublishedPort ?? 0, port.Name ?? '']),
    )
    .toSorted()
    .join();

/** `value` in one form for all that mean the same; undefined when it means nothing. */
function essential(value: unknown, key = ''): unknown {
  if (value === null || value === undefined || value === '') return undefined;
  if ((value === 0 || value === false) && !zeroCounts.has(key)) return undefined;
  if (value === defaults[key]) return undefined;
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
