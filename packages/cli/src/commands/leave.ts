import { existsSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { Command } from 'commander';
import { ExitError } from '../exit.ts';
import { clearHost, paths, readSettings } from '../host/index.ts';
import { needCluster, needRoot } from './host-options.ts';

interface LeaveFlags {
  readonly force?: true;
}

const forceSays = 'also on the manager, with which the whole cluster ends';

export function leaveCommand(): Command {
  return new Command('leave')
    .description(
      "Takes this host out of its cluster: the cluster's containers and networks here are removed.",
    )
    .option('--force', forceSays)
    .exitOverride()
    .action(async ({ force }: LeaveFlags) => {
      needRoot('leave');
      needCluster();
      process.stdout.write(`${await leave(force === true)}\n`);
    });
}

export function uninstallCommand(): Command {
  return new Command('uninstall')
    .description('Takes this host out of its cluster, and Shoal off this host. Volumes and images stay.')
    .option('--force', forceSays)
    .exitOverride()
    .action(async ({ force }: LeaveFlags) => {
      needRoot('uninstall');
      const words = readSettings() ? await leave(force === true) : '';
      rmSync(paths.command, { force: true });
      for (const folder of [paths.state, paths.home]) rmSync(folder, { recursive: true, force: true });
      process.stdout.write(`${words ? `${words}\n` : ''}Shoal is off this host.\n`);
    });
}

async function leave(force: boolean): Promise<string> {
  const { role, hostname: named = hostname(), manager } = needCluster();
  if (role === 'manager' && !force)
    throw new ExitError(
      1,
      'This host is the manager: the cluster and all that it knows ends with it. If that is what you want, call this with --force; the other hosts have to leave by themselves.',
    );
  if (!existsSync(paths.current))
    throw new ExitError(1, `There is no ${paths.current}: put the release there again with install.sh.`);
  await clearHost();
  return role === 'manager'
    ? 'The cluster has ended.'
    : `This host is out of the cluster of ${manager}. There it is \`down\` now; to forget it: docker --context shoal node rm ${named}`;
}
