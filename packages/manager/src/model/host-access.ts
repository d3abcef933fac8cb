/** What a service's tasks get of their host beside what Docker's services can ask for, by labels. */

/** `on`: all devices and capabilities of the host, as `docker run --privileged`. */
export const privilegedLabel = 'shoal.privileged';
/** As `docker run --device`, with commas between: `/dev/fuse` or `/dev/a:/dev/b:rw`. */
export const devicesLabel = 'shoal.devices';
/** Namespaces that a task can share with its host, by their labels: `host`. */
const namespaceLabels = {
  pid: 'shoal.pid',
  ipc: 'shoal.ipc',
  uts: 'shoal.uts',
  userns: 'shoal.userns',
  cgroupns: 'shoal.cgroupns',
} as const;
/** Of a node, `on` or `off` (default): it takes tasks of services with any of these labels. */
export const allowPrivilegedLabel = 'shoal.allow-privileged';

export const hostAccessLabels: readonly string[] = [
  privilegedLabel,
  devicesLabel,
  ...Object.values(namespaceLabels),
];

export type HostNamespace = keyof typeof namespaceLabels;

export interface HostDevice {
  readonly onHost: string;
  readonly inContainer: string;
  /** Of r(ead), w(rite), m(ake). */
  readonly permissions: string;
}

export interface HostAccess {
  readonly privileged?: true;
  readonly devices?: readonly HostDevice[];
  /** Those of the host that it has instead of its own. */
  readonly namespaces?: readonly HostNamespace[];
}

type Labels = Readonly<Record<string, string>>;

/** Whether the node takes tasks with more than Docker's services can ask for. */
export const allowsPrivileged = (labels: Labels | null | undefined): boolean =>
  labels?.[allowPrivilegedLabel] === 'on';

/** What these labels ask for; undefined for nothing. */
export function hostAccessOf(labels: Labels | null | undefined): HostAccess | undefined {
  if (!labels || !hostAccessLabels.some((name) => labels[name] !== undefined)) return undefined;
  const devices = parseDevices(labels[devicesLabel] ?? '') ?? [];
  const namespaces = entriesOf(namespaceLabels).flatMap(([name, label]) =>
    labels[label] === 'host' ? [name] : [],
  );
  const access = {
    ...(labels[privilegedLabel] === 'on' && { privileged: true as const }),
    ...(devices.length > 0 && { devices }),
    ...(namespaces.length > 0 && { namespaces }),
  };
  return Object.keys(access).length > 0 ? access : undefined;
}

const entriesOf = (labels: typeof namespaceLabels) => Object.entries(labels) as [HostNamespace, string][];

// After moby's opts.ValidateDevice: HOST[:CONTAINER][:PERMISSIONS].
const devicePattern = /^(\/[^:,]*)(?::(\/[^:,]*))?(?::([rwm]{1,3}))?$/;

/** Undefined where one of them is no device. */
function parseDevices(text: string): HostDevice[] | undefined {
  if (text === '') return [];
  const parts = text.split(',');
  const devices = parts.flatMap((part) => {
    const [, onHost, inContainer = onHost, permissions = 'rwm'] = devicePattern.exec(part.trim()) ?? [];
    return onHost === undefined || inContainer === undefined ? [] : [{ onHost, inContainer, permissions }];
  });
  return devices.length === parts.length ? devices : undefined;
}

/** What is wrong with the first of a service's labels that can't be read; undefined when all is well. */
export function hostAccessTrouble(labels: Labels | null | undefined): string | undefined {
  const { [privilegedLabel]: privileged, [devicesLabel]: devices } = labels ?? {};
  if (privileged !== undefined && privileged !== 'on' && privileged !== 'off')
    return `Labels["${privilegedLabel}"]: must be on or off, got "${privileged}"`;
  if (devices !== undefined && !parseDevices(devices)?.length)
    return `Labels["${devicesLabel}"]: must be DEVICE, DEVICE:PATH or DEVICE:PATH:rwm, with commas between several, got "${devices}"`;
  for (const label of Object.values(namespaceLabels)) {
    const value = labels?.[label];
    if (value !== undefined && value !== 'host') return `Labels["${label}"]: must be host, got "${value}"`;
  }
  return undefined;
}

/** The same of a node's labels. */
export function nodeLabelTrouble(labels: Labels | null | undefined): string | undefined {
  const allow = labels?.[allowPrivilegedLabel];
  return allow === undefined || allow === 'on' || allow === 'off'
    ? undefined
    : `Labels["${allowPrivilegedLabel}"]: must be on or off, got "${allow}"`;
}
