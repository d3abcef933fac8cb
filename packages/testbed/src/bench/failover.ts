import { parseArgs } from 'node:util';
import { Cluster, testCluster } from '../cluster.ts';
import { say, TestbedError } from '../say.ts';
import { playRound } from './failover/round.ts';
import { KINDS, type Kind, lines, type Round } from './failover/rounds.ts';
import { pinned } from './raw.ts';
import { report } from './report.ts';

/**
 * How long it takes until the death of one of three hosts is noticed, costs no more requests, and is repaired, on a
 * published service of 12 replicas of the example web server: drills, again and again. They take turns; h2 and h3 do, too.
 */
const defaultRounds = 20;
const mostRounds = 200;

export default async function failover(args: readonly string[]): Promise<boolean> {
  const { kinds, rounds } = wanted(args);
  const cluster = await Cluster.up(testCluster(), { fresh: true });
  const all: Round[] = [];
  let results: boolean[] = [];
  try {
    const image = await pinned(cluster, 'web:1');
    await Promise.all(cluster.hosts.map((host) => host.exec(['docker', 'pull', '-q', image])));
    for (let round = 1; round <= rounds; round++) {
      for (const [index, kind] of kinds.entries()) {
        const victim = (round + index) % 2 === 0 ? cluster.hosts[1] : cluster.hosts[2];
        say(`round ${round} of ${rounds}: ${kind}, ${victim.name}`);
        const played = await playRound(cluster, kind, victim, image);
        all.push(played);
        say(`  ${JSON.stringify(played)}`);
      }
    }
  } finally {
    // Also when a later round could not be played to its end.
    results = lines(all).map((line) => report(...line));
    await cluster.down();
  }
  return results.every(Boolean);
}

function wanted(args: readonly string[]): { kinds: readonly Kind[]; rounds: number } {
  const { values, positionals } = parsed(args);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > mostRounds)
    throw new TestbedError(`--rounds takes a number from 1 to ${mostRounds}, not ${values.rounds}.`);
  const unknown = positionals.find((name) => !KINDS.some((kind) => kind === name));
  if (unknown !== undefined)
    throw new TestbedError(`The bench failover knows no ${unknown}; there are: ${KINDS.join(', ')}.`);
  return {
    kinds: KINDS.filter((kind) => positionals.length === 0 || positionals.includes(kind)),
    rounds,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { rounds: { type: 'string', default: String(defaultRounds) } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new TestbedError(
      `The bench failover takes kinds of faults and --rounds. ${(error as Error).message}`,
    );
  }
}
