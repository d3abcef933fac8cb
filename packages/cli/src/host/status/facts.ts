import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { initSystem } from '../init-system.ts';
import { localManager } from '../local-manager.ts';
import { type ProgramName, programsOf } from '../programs.ts';
import { tryRun } from '../run.ts';
import { type HostSettings, paths } from '../settings.ts';
import { hasConnection } from './connection.ts';
import { type RestoreState, restoreState } from './hold.ts';

export interface NodeFacts {
  readonly id: string;
  readonly name: string;
  /** Where the other hosts reach it. */
  readonly address: string;
  readonly state: string;
  readonly availability: string;
  readonly message: string;
}

export interface ClusterFacts {
  readonly nodes: readonly NodeFacts[];
  /** While the root certificate is being rotated: the nodes that have no certificate of the new one yet. */
  readonly rotation?: { readonly waitsFor: readonly Pick<NodeFacts, 'name' | 'state'>[] };
  readonly services: readonly { name: string; running: number; desired: number }[];
  /** Undefined where the manager does not say. */
  readonly restore?: RestoreState | undefined;
}

/** Why the manager tells nothing of its cluster. */
export interface ManagerTrouble {
  readonly error: string;
  /** It waits for the unlock key. */
  readonly locked: boolean;
}

/** What a look at this host came to. Errors are words. */
export interface StatusFacts {
  readonly release: string;
  readonly settings: HostSettings;
  readonly init: string;
  readonly programs: readonly { readonly name: ProgramName; readonly running: boolean }[];
  readonly docker: { readonly version: string } | { readonly error: string };
  /** Of a manager's host. */
  readonly cluster?: ClusterFacts | ManagerTrouble;
  /** Of a worker: it has a connection to its manager. */
  readonly connected?: boolean;
}

export async function statusFacts(settings: HostSettings): Promise<StatusFacts> {
  const init = initSystem();
  const programs = await Promise.all(
    programsOf(settings).map(async ({ name }) => ({ name, running: await init.isRunning(name) })),
  );
  const isManager = settings.role === 'manager';
  return {
    release: releaseHere(),
    settings,
    init: init.name,
    programs,
    docker: await dockerFacts(),
    ...(isManager ? { cluster: await clusterFacts() } : { connected: await isConnected(settings.manager) }),
  };
}

export function releaseHere(): string {
  try {
    return readFileSync(join(paths.current, 'version'), 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

async function dockerFacts(): Promise<StatusFacts['docker']> {
  const ask = ['-H', `unix://${paths.dockerSocket}`, 'version', '--format', '{{.Server.Version}}'];
  const { code, stdout, stderr } = await tryRun('docker', ask);
  return code === 0 ? { version: stdout.trim() } : { error: stderr.trim() };
}

interface TlsInfo {
  readonly TrustRoot: string;
}

interface SwarmCluster {
  readonly RootRotationInProgress: boolean;
  readonly TLSInfo: TlsInfo;
}

/** Of a node's certificate. */
const rootOf = (description: object | undefined): string | undefined =>
  (description as { TLSInfo?: TlsInfo } | undefined)?.TLSInfo?.TrustRoot;

async function clusterFacts(): Promise<ClusterFacts | ManagerTrouble> {
  const docker = localManager();
  try {
    const [restore, info, nodes, services] = await Promise.all([
      restoreState(),
      docker.info() as Promise<{ Swarm: { Cluster: SwarmCluster } }>,
      docker.listNodes(),
      docker.listServices({ status: true } as object) as unknown as Promise<
        { Spec?: { Name?: string }; ServiceStatus?: { RunningTasks: number; DesiredTasks: number } }[]
      >,
    ]);
    const named = nodes.map(({ Description, Status, Spec, ID }) => ({
      id: ID,
      name: Description?.Hostname ?? ID,
      address: Status?.Addr ?? '',
      state: Status?.State ?? 'unknown',
      availability: Spec?.Availability ?? 'active',
      message: (Status as { Message?: string } | undefined)?.Message ?? '',
    }));
    const { RootRotationInProgress, TLSInfo } = info.Swarm.Cluster;
    const waitsFor = named.filter((_, index) => rootOf(nodes[index]?.Description) !== TLSInfo.TrustRoot);
    return {
      restore,
      nodes: named,
      ...(RootRotationInProgress && { rotation: { waitsFor } }),
      services: services.map(({ Spec, ServiceStatus }) => ({
        name: Spec?.Name ?? '?',
        running: ServiceStatus?.RunningTasks ?? 0,
        desired: ServiceStatus?.DesiredTasks ?? 0,
      })),
    };
  } catch (error) {
    const info = (await docker.info().catch(() => undefined)) as { Swarm?: { LocalNodeState?: string } };
    return { error: (error as Error).message, locked: info?.Swarm?.LocalNodeState === 'locked' };
  }
}

async function isConnected(manager: string): Promise<boolean> {
  const at = manager.lastIndexOf(':');
  try {
    const { address } = await lookup(manager.slice(0, at), { family: 4 });
    return hasConnection(readFileSync('/proc/net/tcp', 'utf8'), address, Number(manager.slice(at + 1)));
  } catch {
    return false;
  }
}
