import type { Container, Probe } from './container.ts';
import { type Status, statusOf } from './status.ts';

/** How a task ended, and why, in words for people. What matters comes first: tables cut errors short. */

/** Stands for an exit code that nobody could see. */
export const unknownExitCode = -1;

/** Of what a probe printed, enough to know what is wrong. */
const longestOutput = 200;

export function ended(
  state: 'complete' | 'shutdown' | 'failed',
  container: Container | undefined,
  err = '',
  message?: string,
): Status {
  return statusOf(state, {
    err,
    ...(message !== undefined && { message }),
    ...(container && { container: { id: container.id, pid: 0, exitCode: container.exitCode } }),
  });
}

/** The part of what the agent remembers of the task that tells how it ended. */
interface Known {
  readonly status: Status;
  readonly unhealthy?: string;
  readonly unwatched?: true;
  readonly lastLines?: string;
}

/** The status of a container that has ended. Its exit code says little where something else ended it. */
export function exited(container: Container, known: Known): Status {
  const { exitCode, health } = container;
  const failed = (err: string): Status => ({
    ...ended('failed', container, err),
    ...(known.lastLines && { lastLines: known.lastLines }),
  });
  const cause = outsideCauseOf(container, known);
  if (cause) return failed(cause);
  if (known.unhealthy !== undefined) return failed(known.unhealthy);
  if (health === 'unhealthy') return failed(unhealthyText(container.lastProbe));
  if (exitCode === 0) return ended('complete', container);
  if (container.oomKilled) return { ...failed(outOfMemory(container)), oomKilled: true };
  return failed(`task: non-zero exit (${exitCode})`);
}

/** What else ended with the container, and was the cause; empty when nothing was. */
export function outsideCauseOf({ exitCode }: Container, { status, unwatched }: Known): string {
  if (status.own?.withHost) return 'task: its host was restarted';
  if (exitCode === unknownExitCode) return 'task: its processes ended while the Docker daemon was away';
  return unwatched ? `task: ended while the Docker daemon was away, exit code ${exitCode}` : '';
}

/** Swarm's words, then what the probe said: the end of its output, in one line. */
export function unhealthyText(probe: Probe | undefined): string {
  const words = 'task: unhealthy container';
  if (!probe) return words;
  const output = probe.output.replace(/\s+/g, ' ').trim();
  const end = output.length > longestOutput ? `…${output.slice(1 - longestOutput)}` : output;
  // The daemon's own code, where the probe did not end or could not even be started; its output says so.
  const code = probe.exitCode < 0 ? '' : `exit code ${probe.exitCode}`;
  const said = [code, end].filter(Boolean).join(': ');
  return said ? `${words} (last probe: ${said})` : words;
}

function outOfMemory({ limits: { memory }, exitCode }: Container): string {
  const limit = memory > 0 ? `limit ${Math.round(memory / 2 ** 20)} MiB` : 'of its host, it has no limit';
  return `task: out of memory (${limit}), exit code ${exitCode}`;
}
