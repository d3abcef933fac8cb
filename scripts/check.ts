import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkBoundaries } from './check-boundaries.ts';

/** Everything that can be checked without a cluster, each step with its time. */
const root = join(import.meta.dirname, '..');

interface Step {
  name: string;
  /** True if all is well; says itself what is not. */
  run: () => boolean;
}

function command(file: string, ...args: string[]): () => boolean {
  return () => {
    const result = spawnSync(join(root, 'node_modules/.bin', file), args, {
      cwd: root,
      stdio: 'inherit',
      timeout: 300_000,
    });
    if (result.error) console.log(`${file}: ${result.error.message}`);
    return result.status === 0;
  };
}

function boundaries(): boolean {
  const found = checkBoundaries(root);
  for (const line of found) console.log(line);
  return found.length === 0;
}

const STEPS: readonly Step[] = [
  { name: 'format and lint', run: command('biome', 'check', '.') },
  { name: 'types', run: command('tsc', '--noEmit', '--project', 'tsconfig.json') },
  { name: 'import boundaries (scripts/boundaries.ts)', run: boundaries },
  { name: 'unit tests', run: command('vitest', 'run', '--project', 'unit', '--reporter=dot') },
];

const failed: string[] = [];
for (const { name, run } of STEPS) {
  console.log(`\n== ${name}`);
  const from = performance.now();
  const ok = run();
  if (!ok) failed.push(name);
  console.log(`== ${name}: ${ok ? 'ok' : 'FAILED'} (${((performance.now() - from) / 1000).toFixed(1)} s)`);
}
console.log(failed.length === 0 ? '\nall checks passed' : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
