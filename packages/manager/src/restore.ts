/**
 * `restore.mjs FILE FOLDER` makes a folder what a manager needs to go on with the cluster of a backup; `--check FILE` only reads
 * it. The passphrase is what stdin says. Prints what was in it, as JSON.
 */
import { text } from 'node:stream/consumers';
import { BackupError, checkBackup, restore } from './backup/index.ts';

// Ended by hand it leaves nothing of what it unpacked: see `withoutTrace`.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const [first = '', second = ''] = process.argv.slice(2);
try {
  const passphrase = await text(process.stdin);
  const restored = await (first === '--check'
    ? checkBackup(second, passphrase)
    : restore(first, passphrase, second));
  process.stdout.write(`${JSON.stringify(restored)}\n`);
} catch (error) {
  const isKnown = error instanceof BackupError || (error as NodeJS.ErrnoException).syscall !== undefined;
  process.stderr.write(`${isKnown ? (error as Error).message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
