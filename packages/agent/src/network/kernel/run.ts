import { spawn } from 'node:child_process';

/** A tool of the system failed; the message contains what it said. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly stderr: string;

  constructor(command: string, outcome: string, stderr: string) {
    super(`${command} ${outcome}: ${stderr.trim().split('\n').slice(0, 4).join(' / ') || 'no message'}`);
    this.stderr = stderr;
  }
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Longest wait for a tool, and most that we read of it: the rules of a very large cluster. */
const defaultTimeoutMs = 15_000;
const outputLimit = 256 * 1024 * 1024;

/** Runs a tool and gives its output. Rejects with a `CommandError` if it is missing, fails or takes too long. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input = '', timeoutMs = defaultTimeoutMs } = options;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, { timeout: timeoutMs, killSignal: 'SIGKILL' });
  const stdout: Buffer[] = [];
  let read = 0;
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    read += chunk.length;
    if (read > outputLimit) child.kill('SIGKILL');
    else stdout.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < 16_384) stderr += chunk.toString();
  });
  const name = [command, ...args.slice(0, 4)].join(' ');
  child.on('error', (error) => reject(new CommandError(name, 'could not run', error.message)));
  child.on('close', (code, signal) => {
    if (code === 0) resolve(Buffer.concat(stdout).toString());
    else reject(new CommandError(name, signal ? `was ended by ${signal}` : `failed with ${code}`, stderr));
  });
  // A tool that ends early closes its input; what it said about that is in stderr.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return promise;
}

/** `ip -json …` or `bridge -json …`. An empty answer is an empty list. */
export async function query<T>(tool: 'ip' | 'bridge', args: readonly string[]): Promise<readonly T[]> {
  const text = await run(tool, ['-json', ...args]);
  return text.trim() === '' ? [] : (JSON.parse(text) as readonly T[]);
}

/** Runs lines of `ip` or `bridge`, all of them even if some fail; rejects if one did. */
export async function batch(tool: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await run(tool, ['-force', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
