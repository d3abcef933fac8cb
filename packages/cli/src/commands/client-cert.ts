import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { duration } from '../duration.ts';
import { ExitError } from '../exit.ts';
import type { GlobalOptions } from '../global-options.ts';
import { namedManager } from '../manager/index.ts';

interface Made {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly expiresAt: string;
}

const examples = `
The folder is what DOCKER_CERT_PATH takes. A certificate can't be taken back before it ends: for what may have to be
revoked, use a token.

Examples:
  shoal client-cert ann --role admin --out ann
  docker context create shoal --docker host=tcp://MANAGER:2476,ca=ann/ca.pem,cert=ann/cert.pem,key=ann/key.pem
  DOCKER_HOST=tcp://MANAGER:2476 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=ann docker node ls`;

export function clientCertCommand(): Command {
  return new Command('client-cert')
    .description('Makes a client certificate by which docker is let into the API.')
    .addArgument(new Argument('<name>', 'whom it is for'))
    .addOption(
      new Option('--role <role>', 'what that one may do')
        .choices(['viewer', 'operator', 'admin'])
        .makeOptionMandatory(),
    )
    .option('--expires <time>', 'when it ends, as 12h or 90d; a year at most', duration)
    .requiredOption(
      '--out <folder>',
      'where ca.pem, cert.pem and key.pem are written; made if it is not there',
    )
    .addHelpText('after', examples)
    .exitOverride()
    .action(
      async (name: string, flags: { role: string; expires?: number; out: string }, command: Command) => {
        const { role, expires } = flags;
        const folder = resolve(flags.out);
        // Before it is made, so that none is made for nothing.
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        const made = await namedManager(command.optsWithGlobals<GlobalOptions>()).ask<Made>(
          'POST',
          '/shoal/v1/certificates',
          { body: { name, role, ...(expires !== undefined && { expiresInMs: expires }) } },
        );
        for (const file of ['ca', 'cert', 'key'] as const) write(join(folder, `${file}.pem`), made[file]);
        process.stdout.write(`${folder}: a certificate of ${name} (${role}) until ${made.expiresAt}\n`);
      },
    );
}

/** Never into a file that is there: it may be another's key, and keeps its rights. */
function write(file: string, content: string): void {
  try {
    writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new ExitError(1, `${file} is there already: name another folder, or remove it first.`);
  }
}
