import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { Argument, Command } from 'commander';
import { ExitError } from '../exit.ts';
import type { GlobalOptions } from '../global-options.ts';
import { namedManager } from '../manager/index.ts';

type Kind = 'secret' | 'config';

interface Updated {
  readonly ContentVersion: number;
  readonly Services: readonly string[];
}

export const secretCommand = (): Command => payloadCommand('secret');
export const configCommand = (): Command => payloadCommand('config');

/** What `docker secret` and `docker config` can't do. */
function payloadCommand(kind: Kind): Command {
  const command = new Command(kind)
    .description(`Has a ${kind} hold something else; all other things are asked of docker ${kind}.`)
    .exitOverride();
  command
    .command('update')
    .description(
      `Has a ${kind} hold something else. The services that use it are updated by their own settings, and can be rolled back.`,
    )
    .addArgument(new Argument('<name>', 'its name or id'))
    .addArgument(new Argument('<file>', 'what it shall hold; -: what comes on standard input'))
    .exitOverride()
    .action(async (name: string, file: string, _flags: object, at: Command) => {
      const options = at.optsWithGlobals<GlobalOptions>();
      const Data = (await read(file)).toString('base64');
      const path = `/shoal/v1/${kind}s/${encodeURIComponent(name)}/content`;
      const updated = await namedManager(options).ask<Updated>('POST', path, { body: { Data } });
      process.stdout.write(
        `${options.format === 'json' ? JSON.stringify(updated) : inWords(name, updated)}\n`,
      );
    });
  return command;
}

async function read(file: string): Promise<Buffer> {
  if (file === '-') return buffer(process.stdin);
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ExitError(1, `${file} can't be read: ${error instanceof Error ? error.message : error}`);
  }
}

function inWords(name: string, { ContentVersion, Services }: Updated): string {
  const users = Services.length === 0 ? 'no service had to be updated' : `updating ${Services.join(', ')}`;
  return `${name} holds content ${ContentVersion}: ${users}`;
}
