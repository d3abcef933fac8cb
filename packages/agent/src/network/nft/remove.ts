import { CommandError, run } from '../kernel/index.ts';
import { places } from './docker-rules.ts';
import { tableName } from './table.ts';

/** Takes our table out of the kernel, and our rules out of Docker's chains. Without them nothing happens. */
export async function removeRules(): Promise<void> {
  // Declared first, so that there is one to delete.
  await run('nft', ['-f', '-'], { input: `table ip ${tableName} {}\ndelete table ip ${tableName}\n` });
  for (const { table, chain, rules } of places)
    for (const rule of rules) await removeRule(['-w', '5', '-t', table, '-D', chain, ...rule.split(' ')]);
}

/** As often as it is there; without it, or its chain, iptables fails, and that is all it says. */
async function removeRule(args: readonly string[]): Promise<void> {
  try {
    for (;;) await run('iptables', args);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
}
