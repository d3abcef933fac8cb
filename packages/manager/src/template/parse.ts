/** Says what is wrong with a template, for people; what fills it in is not in the message. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  /** `.Service.Name`; `.` alone is the empty path. */
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] };

/** A stretch of a template. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly value: Expression }
  | { readonly kind: 'if'; readonly branches: readonly Branch[] };

/** The first whose condition holds counts; one without a condition always does. */
export interface Branch {
  readonly when?: Expression;
  readonly parts: readonly Part[];
}

/**
 * Reads a template of Go's text/template, as far as those of Swarm use it: fields, pipelines, calls, `if` with `else`, comments and
 * trimming. Loops, variables and templates within templates are refused. Throws TemplateError.
 */
export function parse(text: string): readonly Part[] {
  const reader = new Reader(text);
  const parts = reader.parts();
  if (reader.stoppedAt) throw new TemplateError(`{{${reader.stoppedAt}}} closes nothing`);
  return parts;
}

const comment = /^\/\*[\s\S]*\*\/$/;
const unsupported = new Set(['range', 'with', 'define', 'template', 'block', 'break', 'continue']);

class Reader {
  readonly #pieces: Iterator<Piece>;
  /** The action that ended a list of parts: `end`, `else`, or `else if …`. */
  stoppedAt: string | undefined;
  #depth = 0;

  constructor(text: string) {
    this.#pieces = pieces(text);
  }

  parts(): Part[] {
    const parts: Part[] = [];
    this.stoppedAt = undefined;
    for (let next = this.#pieces.next(); !next.done; next = this.#pieces.next()) {
      const { text, isAction } = next.value;
      const word = /^\w+/.exec(text)?.[0] ?? '';
      if (!isAction) {
        if (text !== '') parts.push({ kind: 'text', text });
      } else if (word === 'end' || word === 'else') {
        this.stoppedAt = text;
        return parts;
      } else if (word === 'if') parts.push({ kind: 'if', branches: this.#branches(text.slice(2)) });
      else if (unsupported.has(word) || text.startsWith('$'))
        throw new TemplateError(`{{${text}}}: only values, calls and if are understood here`);
      else if (!comment.test(text)) parts.push({ kind: 'value', value: expression(text) });
    }
    return parts;
  }

  #branches(condition: string): Branch[] {
    if (++this.#depth > deepest) throw new TemplateError(`{{if}} within more than ${deepest} others`);
    const branches: Branch[] = [{ when: expression(condition), parts: this.parts() }];
    for (;;) {
      const ended = this.stoppedAt;
      this.stoppedAt = undefined;
      if (ended === undefined) throw new TemplateError(`{{if${condition}}} has no {{end}}`);
      if (ended === 'end') return this.#left(branches);
      const again = /^else\s+if\b([\s\S]*)$/.exec(ended);
      if (again) branches.push({ when: expression(again[1] ?? ''), parts: this.parts() });
      else if (ended === 'else') {
        const rest = this.parts();
        if (this.stoppedAt !== 'end') throw new TemplateError('{{else}} has no {{end}}');
        this.stoppedAt = undefined;
        return this.#left([...branches, { parts: rest }]);
      } else throw new TemplateError(`{{${ended}}} is not understood`);
    }
  }

  #left(branches: Branch[]): Branch[] {
    this.#depth--;
    return branches;
  }
}

interface Piece {
  /** Of an action, without its braces and the space around it. */
  readonly text: string;
  readonly isAction: boolean;
}

/** Deeper or longer ones are no people's. */
const deepest = 50;
const longestAction = 4_096;

function* pieces(text: string): Generator<Piece> {
  let trim = false;
  for (let at = 0; ; ) {
    const open = text.indexOf('{{', at);
    const plain = open < 0 ? text.slice(at) : text.slice(at, open);
    const end = open < 0 ? open : endOfAction(text, open + 2);
    const inside = text.slice(open + 2, end);
    const trimsBefore = open >= 0 && /^-\s/.test(inside);
    const left = trim ? plain.trimStart() : plain;
    yield { text: trimsBefore ? left.trimEnd() : left, isAction: false };
    if (open < 0) return;
    trim = /\s-$/.test(inside);
    yield { text: inside.slice(trimsBefore ? 1 : 0, trim ? -1 : undefined).trim(), isAction: true };
    at = end + 2;
  }
}

/** Where its closing braces are; those in strings and comments count for nothing. */
function endOfAction(text: string, from: number): number {
  const limit = Math.min(text.length, from + longestAction);
  for (let at = from; at < limit; at++) {
    if (text.startsWith('}}', at)) return at;
    if (text[at] === '"') {
      for (at++; at < limit && text[at] !== '"'; at++) if (text[at] === '\\') at++;
    } else if (text[at] === '`') at = after(text, '`', at + 1);
    else if (text.startsWith('/*', at)) at = after(text, '*/', at + 2) + 1;
  }
  throw new TemplateError(`"${text.slice(from - 2, from + 20)}" has no "}}"`);
}

function after(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at;
}

const token =
  /\s+|(?<string>"(?:\\.|[^"\\\n])*")|`(?<raw>[^`]*)`|(?<number>-?\d+)(?![\w.])|(?<field>(?:\.[A-Za-z_]\w*)+|\.)|(?<word>[A-Za-z_]\w*)|(?<sign>[|()])/y;

type Token = Readonly<Record<string, string | undefined>>;

/** A pipeline: what is before a bar is the last argument of the call behind it. */
function expression(text: string): Expression {
  const tokens = tokensOf(text);
  let at = 0;
  const pipeline = (): Expression => {
    let value = command();
    while (tokens[at]?.sign === '|') {
      at++;
      value = command(value);
    }
    return value;
  };
  const command = (piped?: Expression): Expression => {
    const operands: Expression[] = [];
    const name = tokens[at]?.word;
    const isCall = name !== undefined && name !== 'true' && name !== 'false';
    if (isCall) at++;
    for (let next = operand(); next; next = operand()) operands.push(next);
    if (piped) operands.push(piped);
    if (isCall) return { kind: 'call', name, args: operands };
    const [only, ...others] = operands;
    if (!only || others.length > 0)
      throw new TemplateError(`{{${text.trim()}}}: one value, or a call, is expected`);
    return only;
  };
  let depth = 0;
  const operand = (): Expression | undefined => {
    const { string, raw, number, field, word, sign } = tokens[at] ?? {};
    if (sign === '(') {
      at++;
      if (++depth > deepest) throw new TemplateError(`more than ${deepest} brackets in one action`);
      const value = pipeline();
      if (tokens[at]?.sign !== ')') throw new TemplateError(`{{${text.trim()}}}: a ")" is missing`);
      at++;
      return value;
    }
    if (sign !== undefined || tokens[at] === undefined) return undefined;
    at++;
    if (string !== undefined) return { kind: 'literal', value: unquoted(string) };
    if (raw !== undefined) return { kind: 'literal', value: raw };
    if (number !== undefined) return { kind: 'literal', value: Number(number) };
    if (field !== undefined) return { kind: 'field', path: field.split('.').filter(Boolean) };
    if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
    return { kind: 'call', name: word ?? '', args: [] };
  };
  const value = pipeline();
  if (at < tokens.length) throw new TemplateError(`{{${text.trim()}}} is not understood`);
  return value;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const from = token.lastIndex;
    const found = token.exec(text);
    if (!found)
      throw new TemplateError(`{{${text.trim()}}}: "${text.slice(from, from + 20)}" is not understood`);
    if (found[0].trim() !== '') tokens.push(found.groups ?? {});
  }
  return tokens;
}

/** Go's escapes that JSON has too; the others are rare. */
function unquoted(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    throw new TemplateError(`${literal}: an escape in it is not understood`);
  }
}
