import { join } from 'node:path';
import { bundle } from '../../../../../scripts/build.ts';
import type { Cluster } from '../../cluster/index.ts';
import { run, TOOLS } from '../../machine/index.ts';
import { median, quantile, report } from '../measure/index.ts';

/**
 * Does it matter how many services there are? The agent's data path gets states of 10, 1,000 and 5,000 services with
 * three endpoints each, in a network namespace of its own on one host: 5,000 real services with tasks would take more
 * than a test host has, and those without tasks are hardly any rules. Sizes take turns, so that noise hits all alike.
 */
const sizes = [10, 1_000, 5_000] as const;
const rounds = 4;
const bundleFile = '.tools/bench/sizes.mjs';
const onHost = '/tmp/bench-sizes.mjs';
/**
 * Goals: how much longer a first packet may take than one straight to the container, whatever the number of services; and how
 * much longer an update of the rules than with the fewest services.
 */
const flat = 1.2;

/** New connections to a VIP and straight to the container behind it, in turns, in milliseconds. */
export interface Connects {
  vip: number[];
  straight: number[];
}

/** One round at one size, in milliseconds. */
export interface SizeRound {
  services: number;
  connects: Connects;
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
  return sizes.flatMap((services) => {
    const of = (size: number) => all.filter((round) => round.services === size);
    const connects = of(services).map((round) => round.connects);
    const [vip, straight] = [connects.flatMap((each) => each.vip), connects.flatMap((each) => each.straight)];
    const updates = of(services).flatMap((round) => round.updates);
    const fewest = of(sizes[0]).flatMap((round) => round.updates);
    return [
      ...figures(`first packet, ${services} services`, vip, straight),
      ...figures(`rule update, ${services} services`, updates, services === sizes[0] ? undefined : fewest),
    ];
  });
}

function figures(name: string, values: readonly number[], reference?: readonly number[]): boolean[] {
  const against = (share: number) => (reference ? { reference: quantile(reference, share) } : {});
  const goal = reference ? ({ goal: flat, goalOf: 'ratio' } as const) : {};
  return [
    report('network', `${name}, p50`, median(values), 'ms', { ...against(0.5), ...goal }),
    report('network', `${name}, p99`, quantile(values, 0.99), 'ms', against(0.99)),
  ];
}
