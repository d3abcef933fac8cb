import { availableParallelism, totalmem } from 'node:os';
import type { GenericResource, Listener, NodeFacts, Plugin, Pressure, Underlay } from '@shoal/proto';

/** More references than this help no scheduler and make every message about the node long. */
const mostImages = 200;

/** What the person who started the agent said about the host. */
export interface HostConfig {
  readonly hostname: string;
  readonly advertiseAddr: string;
  readonly probePort: number;
  readonly runsManager: boolean;
  /** WireGuard public key, as it is now. */
  readonly overlayKey: () => string;
  readonly underlay: () => Underlay;
  readonly pressures: () => Pressure[];
  readonly listeners: () => Listener[];
}

/** The part of `docker info` that matters here. Any of it may be missing in some version. */
export interface DockerInfo {
  readonly OSType?: string;
  readonly Architecture?: string;
  readonly NCPU?: number;
  readonly MemTotal?: number;
  readonly ServerVersion?: string;
  readonly DockerRootDir?: string;
  readonly LiveRestoreEnabled?: boolean;
  readonly Labels?: readonly string[] | null;
  readonly Plugins?: { readonly [type: string]: readonly string[] | null } | null;
  readonly GenericResources?: readonly DockerGenericResource[] | null;
}

interface DockerGenericResource {
  readonly NamedResourceSpec?: { readonly Kind: string; readonly Value: string };
  readonly DiscreteResourceSpec?: { readonly Kind: string; readonly Value: number };
}

/** The kinds of plugins that Docker's own node description names, under its names. */
const pluginTypes = ['Volume', 'Network', 'Log', 'Authorization'];

/** A host as the scheduler sees it, from `docker info` and the references of its images (newest first). */
export const nodeFacts = (host: HostConfig, info: DockerInfo, images: readonly string[]): NodeFacts => ({
  hostname: host.hostname,
  address: host.advertiseAddr,
  runsManager: host.runsManager,
  os: info.OSType ?? 'linux',
  architecture: info.Architecture ?? '',
  nanoCpus: (info.NCPU ?? 0) * 1e9,
  memoryBytes: info.MemTotal ?? 0,
  genericResources: (info.GenericResources ?? []).map(genericResource),
  engineVersion: info.ServerVersion ?? '',
  engineLabels: labels(info.Labels ?? []),
  plugins: plugins(info.Plugins ?? {}),
  images: images.slice(0, mostImages),
  trouble: '',
  overlayKey: host.overlayKey(),
  probePort: host.probePort,
  pressures: host.pressures(),
  listeners: host.listeners(),
  underlay: host.underlay(),
});

/** Before the daemon has answered for the first time. */
export const factsWithoutDaemon = (host: HostConfig): NodeFacts =>
  nodeFacts(host, { OSType: process.platform, NCPU: availableParallelism(), MemTotal: totalmem() }, []);

/** Docker's labels of a daemon: `key=value` lines. */
const labels = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    lines.map((line) => {
      const [key = '', ...value] = line.split('=');
      return [key, value.join('=')];
    }),
  );

const plugins = (byType: NonNullable<DockerInfo['Plugins']>): Plugin[] =>
  pluginTypes.flatMap((type) => (byType[type] ?? []).map((name) => ({ type, name })));

const genericResource = (from: DockerGenericResource): GenericResource => ({
  kind: from.NamedResourceSpec?.Kind ?? from.DiscreteResourceSpec?.Kind ?? '',
  amount: from.DiscreteResourceSpec?.Value ?? 0,
  name: from.NamedResourceSpec?.Value ?? '',
});
