import { join } from 'node:path';
import { bundle } from '../../../../../scripts/build.ts';
import type { Cluster } from '../../cluster.ts';
import { TOOLS } from '../../paths.ts';
import { run } from '../../run.ts';
import { report } from '../report.ts';
import { median, quantile } from './stats.ts';

/**
 * Does it matter how many services there are? The agent's data path gets states of 10, 1,000 and 5,000 services with
 * three endpoints each, in a network namespace of its own on one host: 5,000 real services with tasks would take more
 * than a test host has, and those without tasks are hardly any rules. Sizes take turns, so that noise hits all alike.
 */
const sizes = [10, 1_000, 5_000] as const;
const rounds = 3;
const bundleFile = '.tools/bench/sizes.mjs';
const onHost = '/tmp/bench-sizes.mjs';
/** How much more the largest size may take than the smallest one. */
const flat = 1.2;

/** One round at one size, in milliseconds. */
export interface SizeRound {
  services: number;
  connects: number[];
  updates: number[];
}

export async function bySize(cluster: Cluster): Promise<boolean[]> {
  const host = cluster.hosts[2];
  await bundle({ entry: 'packages/testbed/src/bench/network/sizes-on-host.ts', out: bundleFile });
  await run('docker', ['cp', join(TOOLS, '..', bundleFile), `${host.container}:${onHost}`]);
  const output = await host.exec(
    ['unshare', '--net', 'node', onHost, 'measure', String(rounds), ...sizes.map(String)],
    { timeoutMs: 400_000 },
  );
  const all = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SizeRound);
  const figures = (key: 'connects' | 'updates', services: number) =>
    all.filter((round) => round.services === services).flatMap((round) => round[key]);
  return sizes.flatMap((services) =>
    (
      [
        ['connects', 'first packet'],
        ['updates', 'rule update'],
      ] as const
    ).flatMap(([key, label]) => {
      const [values, smallest] = [figures(key, services), figures(key, sizes[0])];
      const isSmallest = services === sizes[0];
      const against = (share: number) => (isSmallest ? {} : { reference: quantile(smallest, share) });
      return [
        report('network', `${label}, ${services} services, p50`, median(values), 'ms', {
          ...against(0.5),
          ...(isSmallest ? {} : { goal: flat, goalOf: 'ratio' }),
        }),
        report('network', `${label}, ${services} services, p99`, quantile(values, 0.99), 'ms', against(0.99)),
      ];
    }),
  );
}
