import type { HostLimits, Port } from '@shoal/proto';
import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import {
  type Container,
  type ContainerPhase,
  containerPhases,
  type ListedContainer,
  limitsIn,
  stopTimeoutMs,
} from '../task/index.ts';
import { checkOf, healthOf, toHealth } from './health.ts';
import { type Owner, originOf } from './labels.ts';

/** What `docker inspect` says, as the tasks see it. */
export function toContainer(info: ContainerInspectInfo): Container {
  const { State: state, Config: config, HostConfig: host } = info;
  const check = checkOf(info);
  return {
    id: info.Id,
    phase: toPhase(state.Status),
    startedAt: state.StartedAt,
    ...healthOf(info),
    ...(check && { check }),
    pid: state.Pid,
    exitCode: state.ExitCode,
    oomKilled: state.OOMKilled,
    limits: limitsIn(host as HostLimits),
    error: state.Error,
    stopTimeoutMs: stopTimeoutMs(config as { StopTimeout?: number }),
    address: addressOf(info),
    ports: toPorts(info.NetworkSettings.Ports),
  };
}

/** A line of `docker ps` as the tasks see it; undefined for a container that is not the cluster's. */
export function toListed(info: ContainerInfo, owner: Owner): ListedContainer | undefined {
  const origin = originOf(info.Labels, owner.clusterId);
  if (!origin) return undefined;
  return {
    taskId: origin.taskId,
    ...(origin.nodeId !== owner.nodeId && { otherNode: origin.nodeId }),
    id: info.Id,
    name: info.Names[0]?.slice(1) ?? '',
    phase: toPhase(info.State),
    // The list says it only in words: "Up 2 minutes (healthy)", "… (health: starting)".
    health: toHealth(/\((?:health: )?(\w+)\)$/.exec(info.Status)?.[1]),
  };
}

function addressOf({ HostConfig, NetworkSettings }: ContainerInspectInfo): string {
  if (HostConfig.NetworkMode === 'host') return '127.0.0.1';
  const joined = Object.values(NetworkSettings.Networks ?? {});
  return joined.map(({ IPAddress }) => IPAddress).find(Boolean) ?? '';
}

/** A phase that a newer daemon invented: not ours to start, stop or judge. */
const toPhase = (name: string): ContainerPhase =>
  containerPhases.find((phase) => phase === name) ?? 'removing';

function toPorts(bound: ContainerInspectInfo['NetworkSettings']['Ports'] | null): Port[] {
  return Object.entries(bound ?? {}).flatMap(([key, bindings]) => {
    const [target = '', protocol = 'tcp'] = key.split('/');
    // Once for IPv4 and once for IPv6; where Docker picked two numbers, the first one counts.
    const v4 = (bindings ?? []).filter(({ HostIp }) => !HostIp.includes(':'));
    return (v4.length > 0 ? v4 : (bindings ?? [])).map(({ HostPort }) => ({
      protocol,
      target: Number(target),
      published: Number(HostPort),
      name: '',
    }));
  });
}
