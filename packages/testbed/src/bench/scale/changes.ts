import { setTimeout as sleep } from 'node:timers/promises';
import { say, until } from '../../machine/index.ts';
import type { Cluster } from './cluster.ts';
import type { HostProcess, Received } from './host-processes.ts';

const changes = 5;
/** Nothing else is under way after so long, and nothing more comes. */
const quietMs = 500;

/** A published service gets one more task: each host has to lead to it. */
export async function measureEndpointChange(cluster: Cluster): Promise<void> {
  const { agents } = cluster.size;
  const seen: Received[] = [];
  for (let n = 1; n <= changes; n++) {
    const received = await record(
      cluster.hosts,
      () => cluster.grow('web'),
      ({ endpointReceivers }) => endpointReceivers >= agents,
    );
    say(`an endpoint of web: ${JSON.stringify(received)}`);
    seen.push(received);
  }
  const worst = worstOf(seen);
  cluster.report(
    `endpoint change, until ${agents} agents have it`,
    worst(({ endpointAt, reportedAt }) => endpointAt - reportedAt) / 1_000,
    's',
    0.5,
  );
  cluster.report(
    'endpoint change, bytes an agent',
    worst(({ bytes }) => bytes / agents),
    'bytes',
  );
}

/** One more host takes part in a wide network: all that do have to hear of its slice. */
export async function measureSliceChange(cluster: Cluster): Promise<void> {
  const seen: (Received & { asked: number; receivers: number })[] = [];
  for (let n = 1; n <= changes; n++) {
    const receivers = cluster.mesh + n;
    const asked = performance.timeOrigin + performance.now();
    const received = await record(
      cluster.hosts,
      () => cluster.grow('mesh'),
      ({ sliceReceivers, endpointReceivers }) =>
        sliceReceivers >= receivers && endpointReceivers >= receivers,
    );
    say(`a slice of mesh: ${JSON.stringify(received)}`);
    seen.push({ ...received, asked, receivers });
  }
  const worst = worstOf(seen);
  cluster.report(
    `slice change, from the request until ${cluster.mesh} agents have it`,
    worst(({ sliceAt, asked }) => sliceAt - asked) / 1_000,
    's',
  );
  cluster.report(
    'slice change, messages an agent',
    worst(({ messages, receivers }) => messages / receivers),
    'messages',
    5,
  );
  // With what the host itself is told, which knew nothing of the network: everything.
  cluster.report(
    'slice change, bytes an agent',
    worst(({ bytes, receivers }) => bytes / receivers),
    'bytes',
    2_000,
  );
}

const worstOf =
  <T>(all: readonly T[]) =>
  (of: (one: T) => number): number =>
    Math.max(...all.map(of));

/** What all agents are sent because of `change`, until it is `complete` and a moment longer. */
async function record(
  hosts: readonly HostProcess[],
  change: () => Promise<void>,
  complete: (received: Received) => boolean,
): Promise<Received> {
  await sleep(quietMs);
  for (const each of hosts) each.record();
  await change();
  const parts: Received[] = [];
  const collect = async () => void parts.push(...(await Promise.all(hosts.map((each) => each.received()))));
  await until(
    'all agents have heard of a change',
    async (seen) => {
      await collect();
      const sum = together(parts);
      seen(sum);
      return complete(sum);
    },
    { timeoutMs: 60_000, everyMs: 500 },
  );
  await sleep(quietMs);
  await collect();
  return together(parts);
}

const together = (parts: readonly Received[]): Received =>
  parts.reduce((sum, one) => ({
    messages: sum.messages + one.messages,
    bytes: sum.bytes + one.bytes,
    reportedAt: Math.max(sum.reportedAt, one.reportedAt),
    endpointAt: Math.max(sum.endpointAt, one.endpointAt),
    sliceAt: Math.max(sum.sliceAt, one.sliceAt),
    endpointReceivers: sum.endpointReceivers + one.endpointReceivers,
    sliceReceivers: sum.sliceReceivers + one.sliceReceivers,
  }));
