import type { Port } from '@shoal/proto';

/** States a container can be in, by Docker's names. */
export const containerPhases = [
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
] as const;
export type ContainerPhase = (typeof containerPhases)[number];

/** `none`: the container has no health check. */
export type Health = 'none' | 'starting' | 'healthy' | 'unhealthy';

/** One run of a container's health check, as its daemon wrote it down. */
export interface Probe {
  /** Below 0: it did not end in time, or could not be started; the output says so. */
  readonly exitCode: number;
  readonly output: string;
}

/** A container's health check: its service's or its image's. Milliseconds. */
export interface Check {
  /** With its arguments. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly intervalMs: number;
  /** How often it should be run while the container starts; 0 where nobody says so. */
  readonly startIntervalMs: number;
  /** The daemon itself runs it that often, within the check's start period. */
  readonly daemonStarts: boolean;
}

/** What a host asks a container, to judge from the answer whether it gets traffic. */
export interface Question {
  /** 0: none; it is a command. */
  readonly port: number;
  /** Empty: it is enough that the container takes the connection. */
  readonly path: string;
  /** To be run in it. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** The highest status of HTTP that is a good answer. */
  readonly highestStatus: number;
}

/** What a container may use at most, and the memory that is kept for it. 0: nothing said. */
export interface ContainerLimits {
  readonly nanoCpus: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes of memory and swap together; -1: as much swap as there is. */
  readonly memorySwap: number;
  /** Bytes. */
  readonly memoryReservation: number;
  readonly pids: number;
}

/** What the Docker daemon says about the container of a task. */
export interface Container {
  readonly id: string;
  readonly phase: ContainerPhase;
  /** When it was last started, in the daemon's words. */
  readonly startedAt: string;
  readonly health: Health;
  /** Absent for a container without one. */
  readonly check?: Check;
  /** The daemon's latest run since the container was started; absent before the first. */
  readonly lastProbe?: Probe;
  readonly pid: number;
  readonly exitCode: number;
  /** The kernel killed one of its processes for want of memory. */
  readonly oomKilled: boolean;
  readonly limits: ContainerLimits;
  /** Why it could not be started, in the daemon's words; empty when it could. */
  readonly error: string;
  /** Time between the stop signal and the kill. */
  readonly stopTimeoutMs: number;
  /** IPv4, at which its host reaches it; empty where there is none. */
  readonly address: string;
  /** Ports of the host that lead to it, with the numbers the daemon really picked. */
  readonly ports: readonly Port[];
}

/** One line of the list of all containers: enough to see that something changed, not what. */
export interface ListedContainer {
  readonly taskId: string;
  /** The node that it was made for, if that is another one of the cluster: this host, before it joined anew. */
  readonly otherNode?: string;
  readonly id: string;
  readonly name: string;
  readonly phase: ContainerPhase;
  readonly health: Health;
}

/** Its processes exist: it has to be stopped before it can be removed. */
export const isActive = ({ phase }: Pick<Container, 'phase'>): boolean =>
  phase === 'running' || phase === 'paused' || phase === 'restarting';
