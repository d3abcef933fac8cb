import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, TestbedError } from '../machine/index.ts';

/** `npm run bench` lists the benches, `npm run bench -- NAME [args]` runs one: its default export. */
const folder = join(import.meta.dirname, '../bench');

function benches(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

/** Returns false if a goal was missed. */
type Bench = (args: string[]) => Promise<boolean | undefined>;

await main(async () => {
  const [name, ...args] = process.argv.slice(2);
  const known = benches();
  if (name === undefined) {
    process.stdout.write(
      known.length === 0
        ? 'There are no benches yet.\n'
        : `Benches, to run with \`npm run bench -- NAME\`:\n${known.map((each) => `  ${each}\n`).join('')}`,
    );
    return 0;
  }
  if (!known.includes(name))
    throw new TestbedError(`There is no bench ${name}; there are: ${known.join(', ') || 'none yet'}.`);
  const module = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as { default?: Bench };
  if (!module.default) throw new TestbedError(`The bench ${name} has no default export to run.`);
  return (await module.default(args)) === false ? 1 : 0;
});
