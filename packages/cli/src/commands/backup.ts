import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { ExitError } from '../exit.ts';
import type { GlobalOptions } from '../global-options.ts';
import { namedManager } from '../manager/index.ts';
import { type PassphraseFlags, passphraseOf } from './passphrase.ts';

/** Of the whole file; the state of large clusters has some hundred megabytes. */
const longestMs = 600_000;

const more = `
The file holds all that a manager needs on another host: services, networks, nodes, tokens, the cluster's authority and the key that
opens it. Whoever has it and the passphrase has the cluster. Make one before and after changes that matter, and above all after
a root, a key or a token was rotated, or a node removed: what is restored is what was.

Examples:
  shoal backup /backup/shoal                                     asks for a passphrase
  shoal backup --passphrase-file /root/backup.key /backup/shoal  for cron; a file of that name is replaced`;

export function backupCommand(): Command {
  return new Command('backup')
    .description(
      'Writes all of the cluster that is not on its other hosts into one encrypted file, for `shoal restore`.',
    )
    .argument('<file>', 'where to; one that is there is replaced when the new one is whole')
    .option('--passphrase-file <file>', 'its first line is the passphrase (default: asks on the terminal)')
    .addHelpText('after', more)
    .exitOverride()
    .action(async (file: string, flags: PassphraseFlags, at: Command) => {
      const options = at.optsWithGlobals<GlobalOptions>();
      const manager = namedManager(options);
      manager.refuseInTheClear('passphrase');
      const passphrase = await passphraseOf(flags, { isNew: true });
      const part = partOf(file);
      try {
        const made = await manager.fetch('POST', '/shoal/v1/backup', {
          body: { passphrase },
          timeoutMs: longestMs,
        });
        const hash = createHash('sha256');
        async function* hashed(chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            yield chunk;
          }
        }
        await pipeline(made, hashed, createWriteStream(part, { mode: 0o600, flags: 'wx', flush: true }));
        const { size } = statSync(part);
        await rename(part, file);
        await syncFolder(dirname(file));
        const says = { file, bytes: size, sha256: hash.digest('hex') };
        process.stdout.write(
          options.format === 'json'
            ? `${JSON.stringify(says)}\n`
            : `${file}: ${size.toLocaleString('en')} bytes, SHA-256 ${says.sha256}\nKeep the passphrase elsewhere: without it nobody can restore this.\n`,
        );
      } catch (error) {
        if (error instanceof ExitError) throw error;
        throw new ExitError(
          1,
          `There is no backup, ${file} is as it was before: ${(error as Error).message}`,
        );
      } finally {
        rmSync(part, { force: true });
      }
    });
}

/**
 * What is not whole yet has a name of its own, as another backup to the same file may be under way. Those that a process left
 * which was killed are removed.
 */
function partOf(file: string): string {
  const folder = dirname(file);
  const begin = `${basename(file)}.part-`;
  const others = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(begin)) : [];
  for (const name of others)
    if (!existsSync(`/proc/${name.slice(begin.length).split('-')[0]}`)) rmSync(join(folder, name));
  return join(folder, `${begin}${process.pid}-${randomBytes(4).toString('hex')}`);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  await folder.sync().finally(() => folder.close());
}
