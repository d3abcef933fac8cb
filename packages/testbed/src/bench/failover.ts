import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Cluster, type Host, testCluster } from '../cluster/index.ts';
import { say, TestbedError } from '../machine/index.ts';
import {
  KINDS,
  type Kind,
  lines,
  playRound,
  playSwarm,
  REPLICAS,
  type Round,
  type SwarmRound,
  swarmLines,
} from './failover/index.ts';
import { makeRawNetwork, pinned, provideBenchImage, report } from './measure/index.ts';

/**
 * How long it takes until the death of one of three hosts is noticed, costs no more requests, and is repaired, on a
 * published service of 12 replicas of a web server that listens at once: drills, again and again. They take turns; h2
 * and h3 do, too. Then the same under Docker Swarm.
 */
const defaultRounds = 20;
const defaultSwarmRounds = 2;
const mostRounds = 200;
/** A host that goes down more often counts as flapping, and gets no tasks for a while. */
const restMs = 30_000;

export default async function failover(args: readonly string[]): Promise<boolean> {
  const { kinds, rounds, swarmRounds } = wanted(args);
  const cluster = await Cluster.up(testCluster(), { fresh: true });
  const all: Round[] = [];
  let swarm: SwarmRound[] = [];
  let results: boolean[] = [];
  try {
    await provideBenchImage(cluster);
    const image = await pinned(cluster, 'bench:1');
    await makeRawNetwork(cluster.hosts);
    const restedAt = new Map<Host, number>();
    for (let round = 1; round <= rounds; round++) {
      for (const [index, kind] of kinds.entries()) {
        const victim = (round + index) % 2 === 0 ? cluster.hosts[1] : cluster.hosts[2];
        say(`round ${round} of ${rounds}: ${kind}, ${victim.name}`);
        await sleep(Math.max(0, (restedAt.get(victim) ?? 0) - performance.now()));
        const played = await playRound(cluster, { kind, victim, image, ownFirst: round % 2 === 0 });
        restedAt.set(victim, performance.now() + restMs);
        all.push(played);
        say(`  ${JSON.stringify(played)}`);
      }
    }
    if (swarmRounds > 0)
      swarm = await playSwarm(cluster, kinds, { rounds: swarmRounds, replicas: REPLICAS, image });
  } finally {
    // Also when a later round could not be played to its end.
    results = [...lines(all), ...swarmLines(swarm)].map((line) => report(...line));
    await cluster.down();
  }
  return results.every(Boolean);
}

interface Wanted {
  kinds: readonly Kind[];
  rounds: number;
  swarmRounds: number;
}

function wanted(args: readonly string[]): Wanted {
  const { values, positionals } = parsed(args);
  const rounds = count('--rounds', values.rounds, 1);
  const swarmRounds = count('--swarm', values.swarm, 0);
  const unknown = positionals.find((name) => !KINDS.some((kind) => kind === name));
  if (unknown !== undefined)
    throw new TestbedError(`The bench failover knows no ${unknown}; there are: ${KINDS.join(', ')}.`);
  return {
    kinds: KINDS.filter((kind) => positionals.length === 0 || positionals.includes(kind)),
    rounds,
    swarmRounds,
  };
}

function count(option: string, value: string, least: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least || number > mostRounds)
    throw new TestbedError(`${option} takes a number from ${least} to ${mostRounds}, not ${value}.`);
  return number;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string', default: String(defaultRounds) },
        swarm: { type: 'string', default: String(defaultSwarmRounds) },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new TestbedError(
      `The bench failover takes kinds of faults, --rounds and --swarm. ${(error as Error).message}`,
    );
  }
}
