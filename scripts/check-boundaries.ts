import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ROOMS } from './boundaries.ts';
import { RULES, type Rule } from './boundary-rules.ts';

export interface Import {
  line: number;
  specifier: string;
}

export interface Violation extends Import {
  file: string;
  rule: Rule;
}

/** Static and dynamic imports and re-exports of a source text, outside of comments. */
export function importsOf(source: string): Import[] {
  // Comments become blanks of the same length, so that lines stay where they are.
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '));
  const pattern =
    /^\s*(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]/gm;
  return [...code.matchAll(pattern)].map((match) => ({
    line: code.slice(0, match.index + match[0].length).split('\n').length,
    specifier: match[1] ?? match[2] ?? match[3] ?? '',
  }));
}

/** Where an import leads: a path of this repository, or the package's own name. */
export function target(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier));
  const [scope, name = '', ...entry] = specifier.split('/');
  if (scope !== '@shoal') return specifier;
  // `@shoal/proto/rules` is what the package exports; a path inside of it is taken as it stands.
  return join('packages', name, ...(specifier.endsWith('.ts') ? entry : ['src', ...entry, 'index.ts']));
}

function below(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function breaks(rule: Rule, file: string, to: string): boolean {
  if (!below(file, rule.room) || rule.except?.some((folder) => below(file, folder))) return false;
  if (!rule.bindsTests && /\.(test|fixture)\.tsx?$/.test(file)) return false;
  if (rule.not.some((forbidden) => below(to, forbidden))) return true;
  const source = /^packages\/[^/]+\/src/.exec(rule.room)?.[0];
  return (
    rule.rooms !== undefined &&
    source !== undefined &&
    below(to, source) &&
    !rule.rooms.some((room) => below(to, `${source}/${room}`))
  );
}

export function violations(file: string, source: string, rules: readonly Rule[] = RULES): Violation[] {
  return importsOf(source).flatMap((each) =>
    rules
      .filter((rule) => breaks(rule, file, target(file, each.specifier)))
      .map((rule) => ({ ...each, file, rule })),
  );
}

/** Tests' helpers, and generated code, which a rule of its own is about. */
const helper = /(\.(test|fixture)\.tsx?|\/testing\.ts)$|\/src\/gen\//;

/** What is wrong about an import of another room of the same package, in words; undefined for nothing. */
export function trespass(file: string, specifier: string): string | undefined {
  const to = target(file, specifier);
  const [, name = '', from = ''] = /^packages\/([^/]+)\/src\/(?:(.+)\/)?[^/]+$/.exec(file) ?? [];
  const [, other, room = '.'] = /^packages\/([^/]+)\/src\/(?:(.+)\/)?[^/]+$/.exec(to) ?? [];
  const own = from || '.';
  const rooms = ROOMS[name];
  if (!rooms || helper.test(file) || helper.test(to)) return undefined;
  if (!rooms[own]) return `scripts/boundaries.ts does not say what ${own} may import`;
  if (other !== name || room === own) return undefined;
  if (!rooms[own].includes(room)) return `${own} may not import ${room}`;
  return isAbove(room, own) || to.endsWith('/index.ts')
    ? undefined
    : `${room} is entered through its index.ts`;
}

const isAbove = (room: string, own: string): boolean => room === '.' || own.startsWith(`${room}/`);

/** Rooms that import each other in a circle, but for those that only know the room they are part of. */
export function roomCircles(rooms: Readonly<Record<string, readonly string[]>>): string[][] {
  return circles(
    new Map(Object.entries(rooms).map(([own, all]) => [own, all.filter((room) => !isAbove(room, own))])),
  );
}

/** Files that import each other in a circle: one path a circle, as far as a walk through all of them meets it. */
export function circles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file]);
    if (done.has(file)) return;
    done.add(file);
    path.push(file);
    for (const each of imports.get(file) ?? []) visit(each);
    path.pop();
  };
  for (const file of imports.keys()) visit(file);
  return found;
}

/** All that is wrong in the repository, as lines that say where, what and why. */
export function checkBoundaries(root: string): string[] {
  const files = globSync('packages/*/{src,test}/**/*.{ts,tsx}', { cwd: root });
  const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  const lines = [...sources].flatMap(([file, source]) => [
    ...violations(file, source).map(
      ({ line, specifier, rule }) =>
        `${file}:${line} imports '${specifier}', but in ${rule.room}: ${rule.why}`,
    ),
    ...importsOf(source).flatMap(({ line, specifier }) => {
      const why = trespass(file, specifier);
      return why ? [`${file}:${line} imports '${specifier}', but ${why}`] : [];
    }),
  ]);
  const graph = new Map(
    [...sources].map(([file, source]) => [
      file,
      importsOf(source).flatMap(({ specifier }) => {
        const to = target(file, specifier);
        return sources.has(to) ? [to] : [];
      }),
    ]),
  );
  const circular = [...circles(graph), ...Object.values(ROOMS).flatMap(roomCircles)];
  return [...lines, ...circular.map((path) => `a circle of imports: ${path.join(' → ')}`)];
}
