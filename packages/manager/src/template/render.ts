import { type Expression, type Part, TemplateError } from './parse.ts';

/** What a template can name: texts, objects with fixed names, and maps with the user's own. */
export type Value = string | number | boolean | Fields | UserMap;
export type UserMap = ReadonlyMap<string, string>;
export interface Fields {
  readonly [name: string]: Value;
}
export type Functions = Readonly<Record<string, (...args: Value[]) => Value>>;

/** Those of Go's text/template that say something about texts, and Swarm's `join`. */
const builtIn: Functions = {
  index: (of, key) => (of instanceof Map ? (of.get(text(key)) ?? '') : ''),
  eq: (a, ...others) => others.some((b) => text(a) === text(b)),
  ne: (a, b) => text(a) !== text(b),
  not: (a) => !isTrue(a),
  and: (...all) => all.find((each) => !isTrue(each)) ?? all.at(-1) ?? '',
  or: (...all) => all.find(isTrue) ?? all.at(-1) ?? '',
  len: (of) => (of instanceof Map ? of.size : Buffer.byteLength(text(of))),
  print: (...all) => all.map(text).join(''),
  printf,
  join: (between, ...all) => all.map(text).join(text(between)),
};

/**
 * The template filled in. Throws TemplateError for a name that there is not, also in a branch that does not count now but may for another
 * task, and where the result has more than `mostBytes`. What a map of the user's does not have is an empty text.
 */
export function render(
  parts: readonly Part[],
  fields: Fields,
  functions: Functions = {},
  mostBytes = 1024 * 1024,
): string {
  const known = { ...builtIn, ...functions };
  let left = mostBytes;
  const written: string[] = [];
  const write = (piece: string) => {
    left -= Buffer.byteLength(piece);
    if (left < 0) throw new TemplateError(`what comes of the template is longer than ${mostBytes} bytes`);
    written.push(piece);
  };
  const evaluate = (expression: Expression): Value => {
    if (expression.kind === 'literal') return expression.value;
    if (expression.kind === 'field') return fieldAt(fields, expression.path);
    const call = Object.hasOwn(known, expression.name) ? known[expression.name] : undefined;
    if (!call)
      throw new TemplateError(
        `there is no function "${expression.name}" here; there are ${Object.keys(known).join(', ')}`,
      );
    return call(...expression.args.map(evaluate));
  };
  const all = (list: readonly Part[], counts: boolean): void => {
    for (const part of list) {
      if (part.kind === 'if') {
        const holds = part.branches.map(({ when }) => !when || isTrue(evaluate(when)));
        for (const [i, branch] of part.branches.entries())
          all(branch.parts, counts && i === holds.indexOf(true));
        continue;
      }
      const piece = part.kind === 'text' ? part.text : text(evaluate(part.value));
      if (counts) write(piece);
    }
  };
  all(parts, true);
  return written.join('');
}

function fieldAt(fields: Fields, path: readonly string[]): Value {
  let value: Value = fields;
  for (const [i, name] of path.entries()) {
    const inside = insideOf(value, name);
    if (inside === undefined)
      throw new TemplateError(
        `there is no .${path.slice(0, i + 1).join('.')}${isFields(value) ? `; there are ${namesIn(value)}` : ''}`,
      );
    value = inside;
  }
  return value;
}

function insideOf(value: Value, name: string): Value | undefined {
  if (value instanceof Map) return value.get(name) ?? '';
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

const namesIn = (fields: Fields): string => Object.keys(fields).join(', ') || 'none';

const isFields = (value: Value | undefined): value is Fields =>
  typeof value === 'object' && !(value instanceof Map);

/** Go's rule: what is not empty and not 0. */
const isTrue = (value: Value): boolean =>
  value instanceof Map ? value.size > 0 : value !== '' && value !== 0 && value !== false;

/** As Go prints it; keys of a map in order. */
const text = (value: Value | undefined): string => {
  if (typeof value !== 'object') return String(value ?? '');
  if (!(value instanceof Map))
    throw new TemplateError(`a name is missing; there are ${namesIn(value as Fields)}`);
  const entries = [...value].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map((entry) => entry.join(':')).join(' ')}]`;
};

/** `%s %v %d %q` and `%%`. */
function printf(format: Value | undefined, ...values: Value[]): string {
  let at = 0;
  return text(format).replace(/%(.?)/gs, (_, verb: string) => {
    if (verb === '%') return '%';
    const value = values[at++];
    if (verb === 'q') return JSON.stringify(text(value));
    if (verb === 's' || verb === 'v' || verb === 'd') return text(value);
    throw new TemplateError(`printf: %${verb} is not understood; there are %s, %v, %d, %q and %%`);
  });
}
