import { setTimeout as sleep } from 'node:timers/promises';
import { say, step } from '../../machine/index.ts';
import { freePort } from '../restart/index.ts';
import { type Cluster, replicas } from './cluster.ts';
import { HostProcess } from './host-processes.ts';
import { coresOf, memoryOf } from './process-use.ts';
import { verdictsIn } from './verdicts.ts';

const hostsPerProcess = 1_250;
/** People who create services at the same time. */
const creators = 8;
const idleSeconds = 10;

/** Starts all hosts and waits until each has a session. */
export async function connect(cluster: Cluster): Promise<void> {
  const { hosts, manager, doomed } = cluster;
  const { agents } = cluster.size;
  const joinToken = await manager.joinToken();
  const start = { manager: manager.agentAddress, joinToken, probePort: await freePort() };
  const { s, cpuS } = await cluster.timed(async () => {
    const living = agents - doomed;
    const processes = Math.max(2, Math.ceil(living / hostsPerProcess));
    hosts.push(new HostProcess({ ...start, first: 1, count: doomed }, true));
    for (let n = 0; n < processes; n++) {
      const first = Math.floor((living * n) / processes);
      const count = Math.floor((living * (n + 1)) / processes) - first;
      hosts.push(new HostProcess({ ...start, first: doomed + 1 + first, count }, false));
    }
    await cluster.reach(agents, 'agents are connected', ({ connected }) => connected);
  });
  cluster.report(`${agents} agents connected`, s, 's');
  cluster.report(`${agents} agents connected, CPU of the manager`, cpuS, 's');
  const nodes = await cluster.nodes();
  const names = new Set(nodes.map(({ Description }) => Description.Hostname));
  cluster.report('hosts recorded twice', nodes.length - names.size, 'hosts', 0);
}

/** Creates all services and waits until the manager has accepted that each task runs. */
export async function fill(cluster: Cluster): Promise<void> {
  const { tasks } = cluster.size;
  const from = performance.now();
  const { s, cpuS } = await cluster.timed(async () => {
    await cluster.post('/networks/create', {
      Name: 'mesh',
      Driver: 'overlay',
      IPAM: { Config: [{ Subnet: '10.96.0.0/12' }] },
    });
    await cluster.create('mesh', cluster.mesh, {
      TaskTemplate: { ContainerSpec: { Image: 'hollow:1' }, Networks: [{ Target: 'mesh' }] },
    });
    await cluster.create('web', replicas, {
      EndpointSpec: { Ports: [{ TargetPort: 8080, Protocol: 'tcp', PublishMode: 'ingress' }] },
    });
    const left = Math.max(0, tasks - cluster.expected);
    const sizes = Array.from({ length: Math.ceil(left / replicas) }, (_, n) =>
      Math.min(replicas, left - n * replicas),
    );
    const queue = sizes.entries();
    const creator = async () => {
      for (const [n, count] of queue) await cluster.create(`service${n + 1}`, count);
    };
    await Promise.all(Array.from({ length: creators }, creator));
    say(`services are created after ${((performance.now() - from) / 1_000).toFixed(1)} s`);
    await cluster.allRun();
  });
  cluster.report(`${cluster.expected} tasks confirmed running`, s, 's');
  cluster.report(`${cluster.expected} tasks confirmed running, CPU of the manager`, cpuS, 's');
}

export async function measureIdle(cluster: Cluster): Promise<void> {
  const { pid } = cluster.manager;
  await sleep(5_000);
  const cores = await step(`idle for ${idleSeconds} s`, () => coresOf(pid, idleSeconds));
  cluster.report('the manager, idle', cores, 'cores', 0.3);
  cluster.report('memory of the manager', memoryOf(pid).now / 2 ** 20, 'MiB', 1_536);
  cluster.report(
    'false verdicts, before any host was lost',
    verdictsIn(cluster.manager.logFile).size,
    'hosts',
    0,
  );
}
