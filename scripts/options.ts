/** The table of options in docs/options.md, and what a docker client's help says there is. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Commands that share a table, with the options that it names and those of them that are refused. */
export interface Section {
  /** Without `docker`: `service create`. */
  readonly commands: readonly string[];
  readonly options: ReadonlySet<string>;
}

/** Throws where a row is not of the form that the page explains. */
export function optionTables(): Section[] {
  const page = readFileSync(resolve(import.meta.dirname, '../docs/options.md'), 'utf8');
  return page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title = '', ...lines] = section.split('\n');
      const commands = [...title.matchAll(/`docker ([a-z -]+)`/g)].map(([, name = '']) => name);
      const rows = lines.filter((line) => line.startsWith('| `'));
      const options = rows.flatMap((row) => {
        const [, names = '', says = ''] = row.split(/\|/);
        if (!/^ (works([,;:]? .+)?|refused: .+) $/.test(says))
          throw new Error(`neither works nor refused: ${row}`);
        return [...names.matchAll(/`(--[a-z0-9-]+)`/g)].map(([, name = '']) => name);
      });
      const twice = options.find((option, i) => options.indexOf(option) < i);
      if (twice) throw new Error(`${title} names ${twice} twice`);
      return { commands, options: new Set(options) };
    });
}

/** Options in the text of `docker COMMAND --help`. */
export const optionsIn = (help: string): string[] =>
  [...help.matchAll(/^ {2,6}(?:-\w, )?(--[a-z0-9-]+)/gm)].map(([, name = '']) => name);

/** Sub-commands in the text of `docker GROUP --help`. */
export const commandsIn = (help: string): string[] =>
  [...(/^Commands:\n((?: .*\n)+)/m.exec(help)?.[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(
    ([, name = '']) => name,
  );

/** Groups of commands that the page has to have as a whole. */
export const groups = ['service', 'secret', 'config', 'node', 'swarm', 'network'];

/** What a client has and the page does not, `help` being what it says to `docker WORDS --help`. */
export async function missingOptions(help: (words: string[]) => Promise<string>): Promise<string[]> {
  const tables = optionTables();
  const missing: string[] = [];
  const commands = ['events'];
  for (const group of groups)
    commands.push(...commandsIn(await help([group])).map((command) => `${group} ${command}`));
  for (const command of commands) {
    const table = tables.find((one) => one.commands.includes(command));
    if (!table) missing.push(`docker ${command}`);
    for (const option of optionsIn(await help(command.split(' '))))
      if (table && !table.options.has(option)) missing.push(`docker ${command} ${option}`);
  }
  return missing;
}
