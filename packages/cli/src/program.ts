import { Command, Option } from 'commander';
import {
  auditCommand,
  backupCommand,
  clientCertCommand,
  configCommand,
  drillCommand,
  initCommand,
  jobsCommand,
  joinCommand,
  leaveCommand,
  restoreCommand,
  secretCommand,
  startCommand,
  statusCommand,
  supportBundleCommand,
  tokenCommand,
  uninstallCommand,
  upgradeCommand,
} from './commands/index.ts';

const examples = `
Examples:
  shoal init                                       begins a cluster on this host, and says how others join
  shoal join --token TOKEN 10.0.0.1                takes this host into one
  shoal status                                     is all well, and what to do if not
  shoal jobs                                       last and next runs of jobs
  shoal drill                                      lists the drills
  shoal drill host-power-loss                      on the cluster of \`npm start\`
  shoal drill host-cut h2 --report cut.html        strikes h2, and draws what happened
  shoal drill --plan host-power-loss h3            only says where its tasks would go
  shoal -H tcp://10.0.0.5:2475 drill drain         on a live cluster, after you agreed
  shoal --format json drill flap                   a JSON object a line
  shoal secret update db-password -                has a secret hold something else; its users roll over
  shoal token create ci --role operator            for a program that asks the API

TLS as with docker: DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem.`;

/** One file per command, in commands/. */
export function program(): Command {
  return new Command('shoal')
    .description('What the docker command cannot ask of a Shoal cluster.')
    .option(
      '-H, --host <address>',
      'the manager, as tcp://HOST:PORT or unix:///PATH (default: $DOCKER_HOST, its socket on this host, or the docker context)',
    )
    .option('--token-file <file>', 'has the token: for the API (default: $SHOAL_TOKEN), or that to join with')
    .addOption(
      new Option('--format <format>', 'for people, or a JSON object a line')
        .choices(['table', 'json'])
        .default('table'),
    )
    .addCommand(initCommand())
    .addCommand(joinCommand())
    .addCommand(statusCommand())
    .addCommand(upgradeCommand())
    .addCommand(supportBundleCommand())
    .addCommand(backupCommand())
    .addCommand(restoreCommand())
    .addCommand(leaveCommand())
    .addCommand(uninstallCommand())
    .addCommand(startCommand())
    .addCommand(jobsCommand())
    .addCommand(drillCommand())
    .addCommand(secretCommand())
    .addCommand(configCommand())
    .addCommand(tokenCommand())
    .addCommand(clientCertCommand())
    .addCommand(auditCommand())
    .addHelpText('after', examples)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .showHelpAfterError('(shoal --help says how)');
}
