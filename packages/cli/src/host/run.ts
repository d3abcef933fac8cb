import { spawn } from 'node:child_process';

export interface Ran {
  /** Undefined if it could not be started. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the host; never rejects. Its own stdin is empty. */
export function tryRun(command: string, args: readonly string[], timeoutMs = 30_000): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
    child.on('error', ({ message }) => resolve({ code: undefined, stdout: '', stderr: message }));
    child.on('close', (code) => resolve({ code: code ?? 128, stdout: text(stdout), stderr: text(stderr) }));
  });
}

/** As `tryRun`; rejects when it fails, with its own words. */
export async function run(command: string, args: readonly string[], timeoutMs?: number): Promise<string> {
  const { code, stdout, stderr } = await tryRun(command, args, timeoutMs);
  if (code === 0) return stdout;
  const words = (stderr || stdout).trim().split('\n').slice(-5).join('\n');
  throw new Error(
    `\`${[command, ...args].join(' ')}\` failed${code === undefined ? '' : ` with ${code}`}: ${words}`,
  );
}
