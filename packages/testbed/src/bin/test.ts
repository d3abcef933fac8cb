import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, testCluster } from '../cluster/index.ts';
import { lastLines, say, TestbedError } from '../machine/index.ts';
import { add, exitCodeOf, failure, nothing, summaryLine, type Tally } from './summary.ts';
import { runVitest, type VitestRun } from './vitest.ts';

/*
 * npm test                          unit tests, then the cluster suite on three real hosts
 * npm test -- unit [pattern]
 * npm test -- cluster [pattern]
 * npm test -- cluster --keep        leaves the cluster up, and uses it again next time
 */
const MINUTE = 60_000;
/** .ci/run prints what follows this line once more at its own end. */
const failedHeading = 'failed tests:';
const words = process.argv.slice(2);
const keep = words.includes('--keep');
const [only, ...patterns] = words.filter((word) => word !== '--keep');

let running: ChildProcess | undefined;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Ends the tests; then the cluster is removed as usual.
    interrupted = true;
    running?.kill('SIGTERM');
  });
}

function vitest(run: Omit<VitestRun, 'onStart'>): Promise<Tally> {
  const onStart = (child: ChildProcess) => {
    running = child;
  };
  return runVitest({ ...run, onStart });
}

async function clusterSuite(): Promise<Tally> {
  const cluster = Cluster.attach(testCluster());
  let result = failure('the cluster suite did not run');
  try {
    await Cluster.up(cluster.options, { fresh: !keep });
    if (!interrupted) result = await vitest({ project: 'cluster', patterns, timeoutMs: 40 * MINUTE });
  } catch (error) {
    report(error);
  }
  if (result.failed > 0) await attempt(() => showLogs(cluster));
  if (keep) say(`the cluster stays up: ${cluster.apiUrl}; \`npm test -- cluster\` without --keep removes it`);
  else await attempt(() => cluster.down());
  return result;
}

/** The end of each log on screen, all of it in a folder. */
async function showLogs(cluster: Cluster): Promise<void> {
  const folder = await cluster.saveLogs();
  for (const file of readdirSync(folder)) {
    const own = readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .filter((line) => !/ dockerd: /.test(line));
    say(`the end of ${file}:\n${lastLines(own.join('\n'), 20)}\n`);
  }
  say(`all logs of the hosts are in ${folder}`);
}

async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    report(error);
  }
}

function report(error: unknown): void {
  say(error instanceof TestbedError ? error.message : String((error as Error).stack));
}

let total = nothing;
if (only !== undefined && only !== 'unit' && only !== 'cluster') {
  process.stderr.write('usage: npm test [-- unit|cluster [pattern] [--keep]]\n');
} else {
  if (only !== 'cluster') {
    total = add(
      total,
      await vitest({ project: 'unit', patterns: only ? patterns : [], timeoutMs: 10 * MINUTE }),
    );
  }
  if (only !== 'unit' && !interrupted) total = add(total, await clusterSuite());
}
if (interrupted && total.failed === 0) total = add(total, failure('interrupted'));
// The outcome belongs in the very last lines.
if (total.failed > 0) process.stdout.write(`\n${failedHeading}\n${total.failures.join('\n')}\n`);
process.stdout.write(`\n${summaryLine(total)}\n`);
process.exitCode = exitCodeOf(total);
