import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from './kernel/run.ts';

const inNamespace = (...command: string[]) => run('unshare', ['--net', ...command], { timeoutMs: 60_000 });

/** Needs root, nft and a kernel with nftables. */
const possible = await inNamespace('nft', 'list', 'tables').then(
  () => true,
  () => false,
);

it.runIf(possible)(
  'a bridge that vanishes is no failure, one in the way goes down and stays down; who waits for a network hears when it is there, is refused or is gone',
  async () => {
    const script = join(import.meta.dirname, 'datapath.fixture.ts');
    const lines = (await inNamespace(process.execPath, script)).trim().split('\n');
    expect(lines).toEqual([
      '0 left',
      'trouble, then no trouble',
      'sh.n9 is down, repaired: nothing',
      'ready',
      'the Docker network shoal.1.net-3.3 can not be made: Pool overlaps with other one',
      'asked 0 times more',
      'this host has no slice of the network net4',
    ]);
  },
  60_000,
);
