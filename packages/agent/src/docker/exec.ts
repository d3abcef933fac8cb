import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { killGroup } from './processes.ts';

const quickMs = 15_000;
const lookMs = 100;
/** For the daemon, to start what it was told to, and to note how it ended. */
const longestLookMs = 30_000;

export interface Command {
  readonly command: readonly string[];
  /** After it, and when the signal fires, the command's processes are killed. */
  readonly timeoutMs: number;
}

/**
 * Runs a command in a container, as that container's user, without input, and drops its output. Resolves with its exit
 * code, undefined when it did not end in time; rejects with the signal's reason, or with what the daemon had against it.
 */
export async function runIn(
  container: Docker.Container,
  { command, timeoutMs }: Command,
  signal: AbortSignal,
): Promise<number | undefined> {
  const exec = await container.exec({
    Cmd: [...command],
    AttachStdout: true,
    AttachStderr: true,
    abortSignal: AbortSignal.any([signal, AbortSignal.timeout(quickMs)]),
  });
  const late = AbortSignal.timeout(timeoutMs);
  const end = AbortSignal.any([signal, late]);
  try {
    const output: Readable = await exec.start({ abortSignal: end });
    await finished(output.resume(), { signal: end });
    return await exitCodeOf(exec);
  } catch (error) {
    if (!end.aborted) throw error;
    await kill(exec, container.id);
    signal.throwIfAborted();
    return undefined;
  }
}

/** The daemon may close the output a little before it notes the exit code. */
const exitCodeOf = (exec: Docker.Exec): Promise<number | undefined> => followed(exec, async () => {});

/** The daemon knows no way to do that, and may only now be starting it. */
const kill = (exec: Docker.Exec, containerId: string): Promise<number | undefined> =>
  followed(exec, (pid) => killGroup(pid, containerId));

/** Looks at it until it has ended, and does something about its process each time; undefined when that takes too long. */
async function followed(
  exec: Docker.Exec,
  about: (pid: number) => Promise<void>,
): Promise<number | undefined> {
  const since = performance.now();
  while (performance.now() - since < longestLookMs) {
    const { ExitCode, Pid } = await exec.inspect({ abortSignal: AbortSignal.timeout(quickMs) });
    if (ExitCode !== null) return ExitCode;
    if (Pid > 0) await about(Pid);
    await sleep(lookMs);
  }
  return undefined;
}
