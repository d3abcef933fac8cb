/** Progress for people: one line per step, on stderr so that stdout stays free for results. */
const started = performance.now();

export function say(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  process.stderr.write(`${seconds}s  ${line}\n`);
}

/** Announces a step, runs it, and says how long it took when that is worth knowing. */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  say(`${what} …`);
  const from = performance.now();
  const result = await work();
  const took = (performance.now() - from) / 1000;
  if (took >= 2) say(`${what}: done in ${took.toFixed(1)} s`);
  return result;
}

/** An error whose message already says what to do: mains print it without a stack. */
export class TestbedError extends Error {
  override name = 'TestbedError';
}

/** Runs a main: a TestbedError becomes one clear paragraph, everything else keeps its stack. */
export async function main(body: () => Promise<number | undefined>): Promise<void> {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    const text = error instanceof TestbedError ? error.message : (error as Error).stack;
    process.stderr.write(`\n${text}\n`);
    process.exitCode = 1;
  }
}
