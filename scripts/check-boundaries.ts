import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { RULES, type Rule } from './boundaries.ts';

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

/** All violations in the repository, as lines that say where, what and why. */
export function checkBoundaries(root: string): string[] {
  const files = globSync('packages/*/{src,test}/**/*.{ts,tsx}', { cwd: root });
  return files.flatMap((file) =>
    violations(file, readFileSync(join(root, file), 'utf8')).map(
      ({ line, specifier, rule }) =>
        `${file}:${line} imports '${specifier}', but in ${rule.room}: ${rule.why}`,
    ),
  );
}
