import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../kernel/run.ts';

const inNamespace = (...command: string[]) => run('unshare', ['--net', ...command], { timeoutMs: 60_000 });

/** Needs root, nft and a kernel with nftables. */
const possible = await inNamespace('nft', 'list', 'tables').then(
  () => true,
  () => false,
);

it.runIf(possible)(
  'takes the table of a real kernel from state to state',
  async () => {
    const script = join(import.meta.dirname, 'real-kernel.fixture.ts');
    const lines = (await inNamespace(process.execPath, script)).trim().split('\n');
    expect(lines).toEqual([...Array(14).fill('right'), 'fill-chain arriving', 'right']);
  },
  60_000,
);
