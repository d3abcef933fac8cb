import { Command } from 'commander';
import { count } from '../count.ts';
import { ExitError } from '../exit.ts';
import type { GlobalOptions } from '../global-options.ts';
import { namedManager } from '../manager/index.ts';
import { columns } from '../table.ts';

interface Entry {
  readonly at: string;
  readonly user: string;
  readonly via: string;
  readonly from: string;
  readonly method: string;
  readonly path: string;
  readonly name?: string;
  readonly status: number;
}

interface Verdict {
  readonly ok: boolean;
  readonly records: number;
  readonly first: number;
  readonly head: { readonly number: number; readonly hash: string };
  readonly flaws: readonly string[];
}

export function auditCommand(): Command {
  const command = new Command('audit')
    .description('Who changed what by the API; what was refused to somebody known is there, too.')
    .option(
      '-n, --tail <n>',
      'so many of the last records, up to 10000',
      (given) => count(given, 10_000),
      100,
    )
    .exitOverride()
    .action(async ({ tail }: { tail: number }, at: Command) => {
      const options = at.optsWithGlobals<GlobalOptions>();
      const entries = await namedManager(options).ask<Entry[]>('GET', `/shoal/v1/audit?tail=${tail}`);
      const lines =
        options.format === 'json'
          ? entries.map((entry) => JSON.stringify(entry))
          : columns([
              ['TIME', 'USER', 'FROM', 'STATUS', 'WHAT'],
              ...entries.map(({ at: time, user, via, from, method, path, name, status }) => [
                time,
                via === 'socket' || via === 'loopback' ? via : `${via} ${user}`,
                from || '-',
                String(status),
                `${method} ${path}${name === undefined ? '' : ` (${name})`}`,
              ]),
            ]);
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    });
  command
    .command('verify')
    .description('Whether each record follows the one before it; the exit code is 1 if not.')
    .exitOverride()
    .action(async (_flags: object, at: Command) => {
      const options = at.optsWithGlobals<GlobalOptions>();
      const verdict = await namedManager(options).ask<Verdict>('GET', '/shoal/v1/audit/verify');
      const { ok, records, first, head, flaws } = verdict;
      if (options.format === 'json') process.stdout.write(`${JSON.stringify(verdict)}\n`);
      else
        process.stdout.write(
          `${records} records from ${first} to ${head.number}, the last with the hash ${head.hash}\n`,
        );
      if (!ok)
        throw new ExitError(
          1,
          `The audit was tampered with, or its files are damaged:\n  ${flaws.join('\n  ')}`,
        );
    });
  return command;
}
