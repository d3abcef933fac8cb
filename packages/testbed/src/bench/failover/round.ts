import type { Cluster, Host } from '../../cluster/index.ts';
import { askAt, DRILLS, type DrillRecord, momentsOf, otherHostsDown, runDrill } from '../../drill/index.ts';
import { say } from '../../machine/index.ts';
import { rawNetwork, removeRaw, startRaw } from '../measure/index.ts';
import type { Kind, Round } from './rounds.ts';

export const REPLICAS = 12;

/**
 * One drill, without a health check and without waiting for an even spread. While the fault is still there and the load goes
 * on, as many containers as it cost are started raw: on each of the two kinds of network, which take turns in being first.
 */
export async function playRound(
  cluster: Cluster,
  { kind, victim, image, ownFirst }: { kind: Kind; victim: Host; image: string; ownFirst: boolean },
): Promise<Round> {
  const drill = DRILLS.find(({ name }) => name === kind);
  if (!drill) throw new Error(`no drill is named ${kind}`);
  const others = cluster.hosts.filter((host) => host !== victim);
  const starts = { raw: Number.NaN, rawOnDefaultBridge: Number.NaN };
  try {
    const record = await runDrill(
      { address: cluster.apiUrl, ask: askAt(cluster.apiUrl), docker: cluster.docker(), testbed: cluster },
      drill,
      {
        victim: victim.name,
        image,
        replicas: REPLICAS,
        healthCheck: false,
        untilBalanced: false,
        underFault: async () => {
          const lost = REPLICAS / cluster.hosts.length;
          if (ownFirst) starts.raw = await startRaw(others, image, lost, rawNetwork);
          starts.rawOnDefaultBridge = await startRaw(others, image, lost);
          if (!ownFirst) starts.raw = await startRaw(others, image, lost, rawNetwork);
        },
        tell: (event) => {
          if (event.type === 'phase') say(`  ${event.says}`);
        },
        signal: new AbortController().signal,
      },
    );
    const { struck, detected, recovered, replaced } = momentsOf(record, drill);
    // What did not happen in time counts as if it had at the end: a bad round shows, and the others still count.
    const seconds = (at = record.endMs) => (at - struck) / 1_000;
    sayFailures(record);
    return {
      kind,
      detected: seconds(detected),
      traffic: seconds(recovered),
      running: seconds(replaced),
      ...starts,
      falselyDown: otherHostsDown(record),
    };
  } finally {
    await removeRaw(others);
  }
}

/** How many requests failed, and why. */
function sayFailures({ slots, failures }: DrillRecord): void {
  const sum = (pick: (slot: DrillRecord['slots'][number]) => number) =>
    slots.reduce((total, slot) => total + pick(slot), 0);
  say(`  ${sum(({ failed }) => failed)} of ${sum(({ ok, failed }) => ok + failed)} requests failed`);
  for (const { why, count } of failures) say(`    ${count} of the first: ${why}`);
}
