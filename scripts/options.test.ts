import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { commandsIn, missingOptions, optionsIn, optionTables } from './options.ts';

const run = promisify(execFile);

/** The docker clients of this machine, if there are any. */
function clients(): string[] {
  try {
    const script = 'which -a docker | xargs -rn1 readlink -f | sort -u';
    return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim().split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

describe('docs/options.md', () => {
  it('reads helps as they are written', () => {
    expect(
      optionsIn('Options:\n  -f, --force     Do --it\n      --x-y list  Set\n                 --no'),
    ).toEqual(['--force', '--x-y']);
    expect(commandsIn('Usage: x\n\nCommands:\n  create      Make\n  join-token  Show\n\nRun')).toEqual([
      'create',
      'join-token',
    ]);
    expect(optionTables().length).toBeGreaterThan(10);
  });

  it.each(clients())('has each option of %s', async (path) => {
    const missing = await missingOptions(async (words) => (await run(path, [...words, '--help'])).stdout);
    expect(missing).toEqual([]);
  });
});
