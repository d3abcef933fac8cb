import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkCheckQuery, ReachCheck } from '@shoal/proto';
import { Limiter } from '../../task/index.ts';
import { bridgesOf, type NetworkState } from '../state/index.ts';
import { type Attempt, attemptAll, type Outcome } from './attempt.ts';
import { attemptInside, isLate } from './inside.ts';
import { stillThere, type Target, targetsOf, triableNetworks } from './targets.ts';

/** All that is tried from one host in one check. */
const mostTargets = 256;
/** Networks whose containers try something, and how many of them at a time: each takes a process. */
const mostNetworks = 12;
const processes = 3;
/** No attempt begins after this time; one takes two seconds at most. */
const beginMs = 2_500;
/** Of which the daemon may take some, to say which containers there are. */
const daemonMs = 1_500;
const mostFailures = 5;

export interface Reach {
  readonly checks: ReachCheck[];
  readonly untried: number;
  /** Why nothing could be tried from inside of containers, in words for people. */
  readonly trouble: string;
}

export interface Look {
  /** Newest state; what is gone from it when an attempt has failed was no failure. */
  readonly state: () => NetworkState;
  readonly query: NetworkCheckQuery;
  /** A process in a running container on one of this host's Docker networks; undefined without one. */
  readonly processOn: (network: string) => Promise<number | undefined>;
}

/** Tries what users do, from here to other hosts. */
export async function checkReach({ state, query, processOn }: Look): Promise<Reach> {
  const { nodeIds, probe } = query;
  const before = state();
  const deadline = performance.now() + beginMs;
  const found = await Promise.race([doorsOf(before, processOn), sleep(daemonMs, undefined, { ref: false })]);
  const doors = found ?? new Map<string, number>();
  const { targets: possible, left } = targetsOf(before, nodeIds, new Set(doors.keys()));
  const limiter = new Limiter(processes);
  const leftMs = () => Math.max(0, deadline - performance.now());
  let trouble = found ? '' : 'the Docker daemon did not say in time which containers there are';
  const inside = async (pid: number, attempts: readonly Attempt[]): Promise<Outcome[]> => {
    try {
      return await attemptInside(pid, attempts, probe, leftMs());
    } catch (error) {
      // The container may have ended meanwhile; a host that is too busy has not tried, no more.
      if (existsSync(`/proc/${pid}`) && !isLate(error))
        trouble = error instanceof Error ? error.message : String(error);
      return [];
    }
  };
  const tried = [...Map.groupBy(possible.slice(0, mostTargets), ({ from }) => from)].map(
    async ([from, targets]): Promise<Tried[]> => {
      const attempts = targets.map(({ attempt }) => attempt);
      const pid = from === undefined ? undefined : doors.get(from);
      const outcomes =
        pid === undefined
          ? await attemptAll(attempts, probe, leftMs())
          : await limiter.run(() => inside(pid, attempts));
      return targets.map((target, index) => ({ target, outcome: outcomes[index] }));
    },
  );
  const all = (await Promise.all(tried)).flat();
  const isThere = stillThere(state());
  const valid = all.filter(({ target, outcome }) => !outcome || isThere(target));
  return {
    checks: summed(valid),
    untried: left + possible.length - all.length + all.filter(({ outcome }) => outcome === undefined).length,
    trouble,
  };
}

interface Tried {
  readonly target: Target;
  readonly outcome: Outcome;
}

/** By network id: a process in one of its containers here. */
async function doorsOf(state: NetworkState, processOn: Look['processOn']): Promise<Map<string, number>> {
  const found = await Promise.all(
    triableNetworks(state)
      .slice(0, mostNetworks)
      .map(async (network): Promise<[string, number][]> => {
        for (const { name } of bridgesOf(network)) {
          const pid = await processOn(name).catch(() => undefined);
          if (pid) return [[network.id, pid]];
        }
        return [];
      }),
  );
  return new Map(found.flat());
}

/** One check for each host and way of asking. */
export function summed(tried: readonly Tried[]): ReachCheck[] {
  const done = tried.filter(({ outcome }) => outcome !== undefined);
  const groups = Map.groupBy(done, ({ target: { nodeId, by } }) => `${nodeId} ${by}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { nodeId, by } = first.target;
    const failures = group.filter(({ outcome }) => outcome !== '');
    return {
      nodeId,
      by,
      tried: group.length,
      failed: failures.length,
      failures: failures.slice(0, mostFailures).map(({ target, outcome }) => `${target.what}: ${outcome}`),
    };
  });
}
