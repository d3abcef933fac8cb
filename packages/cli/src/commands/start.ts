import { Command } from 'commander';
import { initSystem, programsOf } from '../host/index.ts';
import { needCluster, needRoot } from './host-options.ts';

/** With an init system it does what that does by itself when the host starts. */
export function startCommand(): Command {
  return new Command('start')
    .description("Starts this host's programs (again), where no init system does so when the host starts.")
    .exitOverride()
    .action(async () => {
      needRoot('start');
      const settings = needCluster();
      const init = initSystem();
      for (const program of programsOf(settings)) await init.start(program);
    });
}
