import { Argument, Command, Option } from 'commander';
import { duration } from '../duration.ts';
import type { GlobalOptions } from '../global-options.ts';
import { namedManager } from '../manager/index.ts';
import { columns } from '../table.ts';

interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly expired: boolean;
}

const examples = `
A viewer reads what is no secret, an operator also changes services and networks, an admin may do everything.

Examples:
  shoal token create ci --role operator --expires 90d    prints the token, now and never again
  export SHOAL_TOKEN=$(shoal token create --role viewer me)
  shoal token ls
  shoal token revoke ci                                  it is refused at once`;

export function tokenCommand(): Command {
  const command = new Command('token')
    .description('Tokens by which programs ask the API.')
    .addHelpText('after', examples)
    .exitOverride();
  command
    .command('create')
    .description('Makes a token and prints it; the manager keeps only a hash of it.')
    .addArgument(new Argument('<name>', 'what people call it'))
    .addOption(
      new Option('--role <role>', 'what it may do')
        .choices(['viewer', 'operator', 'admin'])
        .makeOptionMandatory(),
    )
    .option('--expires <time>', 'when it ends, as 12h or 90d (default: when it is revoked)', duration)
    .exitOverride()
    .action(async (name: string, { role, expires }: { role: string; expires?: number }, at: Command) => {
      const options = at.optsWithGlobals<GlobalOptions>();
      const manager = namedManager(options);
      const made = await manager.ask<Token & { token: string }>('POST', '/shoal/v1/tokens', {
        body: { name, role, ...(expires !== undefined && { expiresInMs: expires }) },
      });
      process.stdout.write(`${options.format === 'json' ? JSON.stringify(made) : made.token}\n`);
    });
  command
    .command('ls')
    .description('Lists tokens, without their values.')
    .exitOverride()
    .action(async (_flags: object, at: Command) => {
      const options = at.optsWithGlobals<GlobalOptions>();
      const tokens = await namedManager(options).ask<Token[]>('GET', '/shoal/v1/tokens');
      const lines =
        options.format === 'json'
          ? tokens.map((token) => JSON.stringify(token))
          : columns([
              ['NAME', 'ROLE', 'CREATED', 'EXPIRES', 'ID'],
              ...tokens.map(({ name, role, createdAt, expiresAt, expired, id }) => [
                name,
                role,
                minute(createdAt),
                expiresAt === undefined ? 'never' : `${minute(expiresAt)}${expired ? ' (expired)' : ''}`,
                id,
              ]),
            ]);
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    });
  command
    .command('revoke')
    .description('Ends a token; answers under way, as logs that are followed, end within seconds.')
    .addArgument(new Argument('<name>', 'its name or id'))
    .exitOverride()
    .action(async (name: string, _flags: object, at: Command) => {
      const manager = namedManager(at.optsWithGlobals<GlobalOptions>());
      await manager.ask('DELETE', `/shoal/v1/tokens/${encodeURIComponent(name)}`);
      process.stdout.write(`${name}\n`);
    });
  return command;
}

const minute = (time: string): string => `${time.slice(0, 16).replace('T', ' ')}Z`;
