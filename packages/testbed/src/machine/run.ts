import { spawn } from 'node:child_process';
import { TestbedError } from './say.ts';

export interface RunOptions {
  /** Every command is bounded; the default suits quick commands. */
  timeoutMs?: number;
  input?: string;
  cwd?: string;
  env?: Record<string, string>;
  /** Called for each line of output while the command runs. */
  onLine?: (line: string) => void;
}

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/** Output kept per stream; a build that prints more keeps its end, where the error stands. */
const KEEP = 4 * 1024 * 1024;

/** Runs a command without a shell and never throws for its exit code (127: it doesn't exist). */
export function tryRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { timeoutMs = 60_000, input, cwd, env, onLine } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    const result: RunResult = { code: 127, stdout: '', stderr: '', timedOut: false };
    let rest = '';
    const take = (stream: 'stdout' | 'stderr') => (chunk: string) => {
      result[stream] = (result[stream] + chunk).slice(-KEEP);
      if (!onLine) return;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    };
    child.stdout.setEncoding('utf8').on('data', take('stdout'));
    child.stderr.setEncoding('utf8').on('data', take('stderr'));
    const timer = setTimeout(() => {
      result.timedOut = true;
      child.kill('SIGKILL');
      // A grandchild may hold the pipes open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ ...result, stderr: error.message });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ ...result, code: code ?? 137 });
    });
    child.stdin.on('error', () => {}); // the command may end without reading it
    child.stdin.end(input);
  });
}

/** Runs a command and returns its stdout; anything but exit 0 is an error that carries its last lines. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await tryRun(command, args, options);
  if (result.code === 0 && !result.timedOut) return result.stdout;
  const why = result.timedOut
    ? `didn't finish within ${(options.timeoutMs ?? 60_000) / 1000} s`
    : `ended with code ${result.code}`;
  const output = lastLines(`${result.stdout}\n${result.stderr}`, 25);
  throw new TestbedError(`${[command, ...args].join(' ')} ${why}:\n${output}`);
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

export async function commandExists(command: string): Promise<boolean> {
  const result = await tryRun('sh', ['-c', 'command -v "$1"', 'sh', command]);
  return result.code === 0;
}
