import { readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ExitError, usage } from '../exit.ts';

const shortest = 8;

export interface PassphraseFlags {
  readonly passphraseFile?: string;
}

/** From the file, or asked for on the terminal; twice, where it is new. Throws an ExitError. */
export async function passphraseOf(
  { passphraseFile }: PassphraseFlags,
  { isNew }: { readonly isNew: boolean },
): Promise<string> {
  const passphrase = passphraseFile === undefined ? await askedFor(isNew) : firstLineOf(passphraseFile);
  if (isNew && passphrase.length < shortest)
    throw usage(`The passphrase has ${passphrase.length} letters: give it ${shortest} at least.`);
  return passphrase;
}

function firstLineOf(file: string): string {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  try {
    const [line = ''] = readFileSync(file, 'utf8').split('\n');
    if ((mode & 0o077) !== 0 && (mode & 0o170000) === 0o100000)
      process.stderr.write(`Others can read ${file}: make its mode 600.\n`);
    return line;
  } catch (error) {
    throw usage(`--passphrase-file: ${(error as Error).message}`);
  }
}

async function askedFor(twice: boolean): Promise<string> {
  if (!process.stdin.isTTY)
    throw usage('There is no terminal to ask for the passphrase: give --passphrase-file FILE.');
  const passphrase = await ask('Passphrase: ');
  if (twice && (await ask('The same again: ')) !== passphrase)
    throw new ExitError(1, 'These are not the same. Nothing was done.');
  return passphrase;
}

/** What is typed is not shown. */
async function ask(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(question);
  try {
    const { promise, reject } = Promise.withResolvers<never>();
    terminal.once('SIGINT', () => reject(new ExitError(1, '\nNothing was done.')));
    return await Promise.race([terminal.question(''), promise]);
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
