import { closeSync, openSync, writeFileSync } from 'node:fs';
import { type Drill, type DrillEvent, outcomeOf, runDrill, type Target } from '@shoal/testbed/drill';
import { ExitError } from '../exit.ts';
import { outcomeLines } from './outcome-lines.ts';
import { Progress } from './progress.ts';
import { reportPage } from './report/index.ts';

interface PlayOptions {
  readonly host: string | undefined;
  readonly image: string;
  readonly replicas: number;
  readonly format: 'table' | 'json';
  /** File for an HTML report. */
  readonly report?: string;
}

/** Plays one drill and prints what it amounts to; returns whether it passed. */
export async function play(target: Target, drill: Drill, options: PlayOptions): Promise<boolean> {
  const { host, image, replicas, format, report } = options;
  const json = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const progress = format === 'table' ? new Progress(process.stderr) : undefined;
  const tell = (event: DrillEvent) => (progress ? progress.tell(event) : json(event));
  // Now, rather than after the drill, say that there is no such folder.
  if (report !== undefined) closeSync(openSync(report, 'a'));
  const stop = new AbortController();
  const interrupted = (signal: string) => {
    // A second Ctrl-C ends it at once.
    process.removeAllListeners(signal);
    process.stderr.write(`\n${signal}: undoing what the drill did …\n`);
    stop.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupted);
  try {
    const record = await runDrill(target, drill, {
      victim: host,
      image,
      replicas,
      healthCheck: true,
      untilBalanced: drill.goals.balanced !== undefined,
      tell,
      signal: stop.signal,
    });
    const outcome = outcomeOf(record, drill);
    progress?.end();
    if (format === 'json') json({ type: 'outcome', ...outcome });
    else process.stdout.write(`\n${outcomeLines(outcome, process.stdout).join('\n')}\n`);
    if (report !== undefined) writeFileSync(report, reportPage(record, outcome, drill));
    return outcome.passed;
  } catch (error) {
    if (stop.signal.aborted && (error as Error).name === 'AbortError')
      throw new ExitError(1, 'Broken off; what the drill did is undone.');
    throw error;
  } finally {
    progress?.end();
    for (const signal of signals) process.off(signal, interrupted);
  }
}
