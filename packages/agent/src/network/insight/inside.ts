import { fileURLToPath } from 'node:url';
import { CommandError, run } from '../kernel/index.ts';
import { type Attempt, attemptAll, type Outcome } from './attempt.ts';

/** Beside this file, or beside the bundle that it has become part of. */
const program = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './try-inside.ts' : './try-inside.mjs', import.meta.url),
);
/** Of which the start of the program may take some, and the last attempts two seconds more. */
const patienceMs = 5_500;

/** Tries all from the network of a process, as its container would, but with this host's files and tools. */
export async function attemptInside(
  pid: number,
  attempts: readonly Attempt[],
  id: number,
  ms: number,
): Promise<Outcome[]> {
  const args = ['--net', '--target', String(pid), process.execPath, program];
  const answer = await run('nsenter', args, {
    input: JSON.stringify({ attempts, id, ms } satisfies Order),
    timeoutMs: patienceMs,
  });
  // What was not tried became null on its way.
  return (JSON.parse(answer) as (string | null)[]).map((outcome) => outcome ?? undefined);
}

/** The program was ended because it took too long. */
export const isLate = (error: unknown): boolean =>
  error instanceof CommandError && error.message.includes('was ended by');

interface Order {
  readonly attempts: readonly Attempt[];
  readonly id: number;
  readonly ms: number;
}

/** The other side of it: does what the text orders, and says how it went. */
export async function obey(text: string): Promise<string> {
  const { attempts, id, ms } = JSON.parse(text) as Order;
  return JSON.stringify((await attemptAll(attempts, id, ms)).map((outcome) => outcome ?? null));
}
