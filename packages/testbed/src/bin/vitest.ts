import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, say } from '../machine/index.ts';
import { type Tally, tally, type VitestReport } from './summary.ts';

export interface VitestRun {
  project: 'unit' | 'cluster';
  patterns?: readonly string[];
  timeoutMs: number;
  /** Told of the child, so that a signal to us can end it. */
  onStart?: (child: ChildProcess) => void;
}

/** Runs one project of vitest.config.ts on screen and counts what it reports. */
export async function runVitest({ project, patterns = [], timeoutMs, onStart }: VitestRun): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-test-'));
  const output = join(folder, 'report.json');
  try {
    const args = [
      'run',
      '--project',
      project,
      '--passWithNoTests',
      // Cluster tests take long: each says when it has ended.
      `--reporter=${project === 'cluster' ? 'verbose' : 'default'}`,
      '--reporter=json',
      `--outputFile.json=${output}`,
    ];
    const child = spawn(
      process.execPath,
      [join(ROOT, 'node_modules/vitest/vitest.mjs'), ...args, ...patterns],
      {
        cwd: ROOT,
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    onStart?.(child);
    const timer = setTimeout(() => {
      say(`the ${project} tests did not end within ${timeoutMs / 60_000} minutes`);
      child.kill('SIGKILL');
    }, timeoutMs);
    const code = await new Promise<number>((resolve) => child.on('close', (exit) => resolve(exit ?? 137)));
    clearTimeout(timer);
    return tally(readReport(output), code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(path: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
  } catch {
    return undefined; // vitest died before it could write it
  }
}
