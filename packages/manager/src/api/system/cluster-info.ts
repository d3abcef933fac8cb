import { vxlanPort } from '@shoal/proto/rules';
import { isoTime } from '../../effects.ts';
import { managerAddress } from '../../manager-address.ts';
import {
  type Cluster,
  hostnameOf,
  isAutolocked,
  isReady,
  knownState,
  type Node,
  nodeState,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { type ApiDeps, ApiError, maxApiVersion, minApiVersion } from '../http/index.ts';
import { publishedPorts, statusMessage, tlsInfo, unservedPorts, unservedThere } from '../objects/index.ts';
import { rotationWaits } from './rotation.ts';

/** The one cluster object. Throws 503 until the manager has made it. */
export function clusterOf(view: ReadView): Cluster {
  const [cluster] = view.clusters.all();
  if (!cluster) throw new ApiError(503, 'the manager is still starting');
  return cluster;
}

export const clusterSpec = ({ Labels = {}, TaskHistoryRetentionLimit, trust, sealing }: Cluster) => ({
  Name: 'default',
  Labels,
  Orchestration: { TaskHistoryRetentionLimit },
  Raft: {},
  Dispatcher: { HeartbeatPeriod: 500_000_000 },
  CAConfig: { NodeCertExpiry: trust.nodeCertExpiryMs * 1e6, ForceRotate: trust.forceRotate },
  TaskDefaults: {},
  EncryptionConfig: { AutoLockManagers: isAutolocked(sealing) },
});

/** Swarm's ClusterInfo: all but the join tokens. */
export const clusterInfo = (cluster: Cluster) => ({
  ID: cluster.ID,
  Version: cluster.Version,
  CreatedAt: cluster.CreatedAt,
  UpdatedAt: cluster.UpdatedAt,
  Spec: clusterSpec(cluster),
  TLSInfo: tlsInfo(cluster.trust.root),
  RootRotationInProgress: cluster.trust.former !== undefined,
  DefaultAddrPool: null,
  SubnetSize: 24,
  DataPathPort: vxlanPort,
});

/** Node names its processors as Go does elsewhere in Docker's API. */
const goArch = process.arch === 'x64' ? 'amd64' : process.arch;

/** `GET /version` */
export const versionView = ({ about }: Pick<ApiDeps, 'about'>) => ({
  Platform: { Name: 'Shoal' },
  Components: [
    {
      Name: 'Engine',
      Version: about.version,
      Details: {
        ApiVersion: maxApiVersion,
        MinAPIVersion: minApiVersion,
        Os: 'linux',
        Arch: goArch,
        Experimental: 'false',
        NodeVersion: process.versions.node,
      },
    },
  ],
  Version: about.version,
  ApiVersion: maxApiVersion,
  MinAPIVersion: minApiVersion,
  Os: 'linux',
  Arch: goArch,
});

const sum = (nodes: readonly Node[], of: (node: Node) => number | null | undefined): number =>
  nodes.reduce((total, node) => total + (of(node) ?? 0), 0);

/** The node whose host also runs this manager, where there is one. */
const ownNode = (nodes: readonly Node[]): Node | undefined =>
  nodes.find(({ reported }) => reported.runsManager);

/** `GET /info`: the whole cluster as if it were one Docker host. */
export function infoView(view: ReadView, { about, clock }: ApiDeps) {
  const cluster = clusterOf(view);
  const nodes = [...view.nodes.all()];
  const ready = nodes.filter(isReady);
  const containers = containerCounts(view);
  const platform = ready[0]?.reported.description.Platform;
  return {
    ID: cluster.ID,
    Name: 'shoal',
    ...containers,
    Images: new Set(nodes.flatMap(({ reported }) => reported.images)).size,
    Driver: 'shoal',
    DriverStatus: [
      ['Nodes', String(nodes.length)],
      ['Ready', String(ready.length)],
      ['Services', String([...view.services.all()].filter(({ shoal }) => !shoal.removing).length)],
      ['Tasks', String(view.tasks.size)],
    ],
    Plugins: {
      Volume: plugins(ready, 'Volume'),
      Network: plugins(ready, 'Network'),
      Authorization: null,
      Log: plugins(ready, 'Log'),
    },
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: true,
    Debug: false,
    NFd: 0,
    OomKillDisable: true,
    BridgeNfIptables: true,
    BridgeNfIp6tables: true,
    NGoroutines: 0,
    SystemTime: isoTime(clock()),
    LoggingDriver: '',
    CgroupDriver: '',
    NEventsListener: 0,
    KernelVersion: '',
    OperatingSystem: `Shoal ${about.version}`,
    OSVersion: '',
    OSType: platform?.OS ?? 'linux',
    Architecture: platform?.Architecture ?? goArch,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: null,
    NCPU: Math.round(sum(ready, ({ reported }) => reported.description.Resources?.NanoCPUs) / 1e9),
    MemTotal: sum(ready, ({ reported }) => reported.description.Resources?.MemoryBytes),
    GenericResources: null,
    DockerRootDir: '',
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: about.version,
    Runtimes: {},
    DefaultRuntime: '',
    Swarm: swarmInfo(cluster, nodes, about.managerAddr),
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: '',
    ContainerdCommit: { ID: '', Expected: '' },
    RuncCommit: { ID: '', Expected: '' },
    InitCommit: { ID: '', Expected: '' },
    SecurityOptions: [],
    CDISpecDirs: null,
    Warnings: warnings(view, nodes),
  };
}

/** `GET /info` of a manager that is locked: what it knows is sealed, or of no use to who can't change it. */
export const lockedInfo = ({ about, timeOfDay }: Pick<ApiDeps, 'about' | 'timeOfDay'>) => ({
  ID: '',
  Name: 'shoal',
  Driver: 'shoal',
  OperatingSystem: `Shoal ${about.version}`,
  OSType: 'linux',
  Architecture: goArch,
  ServerVersion: about.version,
  SystemTime: isoTime(timeOfDay()),
  Swarm: {
    NodeID: '',
    NodeAddr: about.managerAddr.replace(/:\d+$/, ''),
    LocalNodeState: 'locked',
    ControlAvailable: false,
    Error: '',
    RemoteManagers: null,
  },
});

/** Where agents on other hosts reach this manager. */
export const reachedAt = (view: ReadView, { managerAddr }: ApiDeps['about']): string =>
  managerAddress(managerAddr, ownNode([...view.nodes.all()])?.reported.address);

function swarmInfo(cluster: Cluster, nodes: readonly Node[], managerAddr: string) {
  const own = ownNode(nodes);
  return {
    NodeID: own?.ID ?? '',
    NodeAddr: own?.reported.address || managerAddr.replace(/:\d+$/, ''),
    LocalNodeState: 'active',
    ControlAvailable: true,
    Error: '',
    RemoteManagers: [{ NodeID: own?.ID ?? '', Addr: managerAddress(managerAddr, own?.reported.address) }],
    Nodes: nodes.length,
    Managers: 1,
    Cluster: clusterInfo(cluster),
  };
}

/** Containers of tasks, where their hosts are there; what else runs on the hosts is not Shoal's to count. */
function containerCounts(view: ReadView) {
  let containers = 0;
  let running = 0;
  for (const task of view.tasks.all()) {
    const state = knownState(task, view.nodes);
    if (!task.observed?.container?.ContainerID || state === 'orphaned') continue;
    containers++;
    if (state === 'running' || state === 'starting') running++;
  }
  return {
    Containers: containers,
    ContainersRunning: running,
    ContainersPaused: 0,
    ContainersStopped: containers - running,
  };
}

function plugins(nodes: readonly Node[], type: string): string[] {
  const names = nodes.flatMap(({ reported }) => reported.description.Engine?.Plugins ?? []);
  return [...new Set(names.filter(({ Type }) => Type === type).map(({ Name }) => Name ?? ''))].toSorted();
}

function warnings(view: ReadView, nodes: readonly Node[]): string[] | null {
  const states = nodes
    .filter((node) => !isReady(node))
    .map((node) => {
      const message = statusMessage(node);
      const why = message ? `: ${message}` : '';
      return `WARNING: node ${hostnameOf(node)} is ${nodeState(node)}${why}`;
    });
  const unserved = unservedPorts(publishedPorts(view.services.all()), nodes).map(
    (one) => `WARNING: service ${one.service.Spec.Name}: ${unservedThere(view, one)}`,
  );
  const waits = rotationWaits(clusterOf(view), view);
  const rotation = waits === undefined ? [] : [`WARNING: the root certificate is being rotated: ${waits}`];
  const lines = [...states, ...unserved, ...rotation];
  return lines.length > 0 ? lines : null;
}
