import { Command } from 'commander';
import type { GlobalOptions } from '../global-options.ts';
import { statusFacts, statusScreen } from '../host/status/index.ts';
import { needCluster } from './host-options.ts';

export function statusCommand(): Command {
  return new Command('status')
    .description(
      'Says on one screen whether all is well with this host and its cluster, and what to do if not.',
    )
    .addHelpText('after', '\nExit code: 0 all is well, 1 it is not.')
    .exitOverride()
    .action(async (_flags: object, command: Command) => {
      const { format } = command.optsWithGlobals<GlobalOptions>();
      const facts = await statusFacts(needCluster());
      const { lines, well } = statusScreen(facts);
      process.stdout.write(
        format === 'json' ? `${JSON.stringify({ well, ...facts })}\n` : `${lines.join('\n')}\n`,
      );
      process.exitCode = well ? 0 : 1;
    });
}
