import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, render, TemplateError } from './index.ts';

const fields = {
  Service: {
    Name: 'web',
    Labels: new Map([
      ['team', 'blue'],
      ['a.b', 'dotted'],
    ]),
  },
  Task: { Slot: '3' },
};
const fill = (text: string) => render(parse(text), fields, { env: (name) => `[${name}]` });

describe('a template', () => {
  it.each([
    ['no template', 'no template'],
    ['{{.Service.Name}}.{{ .Task.Slot }}', 'web.3'],
    ['{{index .Service.Labels "a.b"}}', 'dotted'],
    ['{{.Service.Labels.team}}, {{.Service.Labels.none}}.', 'blue, .'],
    ['{{.Service.Labels}}', 'map[a.b:dotted team:blue]'],
    ['{{env "HOME"}} {{"HOME" | env}} {{env `a"b`}}', '[HOME] [HOME] [a"b]'],
    ['{{printf "%s-%d%%" .Service.Name 7}}', 'web-7%'],
    ['{{printf "%q" (print .Task.Slot "x")}}', '"3x"'],
    ['{{join "-" .Service.Name .Task.Slot}}', 'web-3'],
    ['a  {{- " b " -}}  c', 'a b c'],
    ['a{{/* {{ "x" }} is said */}}b', 'ab'],
    ['{{"}}"}}', '}}'],
    ['{{if eq .Task.Slot "1" "3"}}first{{else}}other{{end}}', 'first'],
    ['{{if .Service.Labels.none}}a{{else if not (eq .Task.Slot "3")}}b{{else}}c{{end}}!', 'c!'],
    ['{{if and .Task.Slot .Service.Labels}}{{if false}}x{{end}}y{{end}}', 'y'],
  ])('%s', (text, result) => {
    expect(fill(text)).toBe(result);
  });

  it.each([
    ['{{.Service.Nme}}', 'there is no .Service.Nme; there are Name, Labels'],
    ['{{.Service}}', 'a name is missing; there are Name, Labels'],
    ['{{.Service.Name.First}}', 'there is no .Service.Name.First'],
    ['{{if eq .Task.Slot "1"}}{{.Nme}}{{else}}fine{{end}}', 'there is no .Nme'],
    ['{{upper "x"}}', 'there is no function "upper" here; there are index,'],
    ['{{.__proto__}}', 'there is no .__proto__'],
    ['{{constructor}}', 'there is no function "constructor"'],
    ['{{range .Service.Labels}}x{{end}}', 'only values, calls and if are understood here'],
    ['{{$x := 1}}', 'only values, calls and if are understood here'],
    ['{{if true}}x', 'has no {{end}}'],
    ['{{if true}}x{{else}}y', 'has no {{end}}'],
    ['{{end}}', '{{end}} closes nothing'],
    ['{{ .Task.Slot', 'has no "}}"'],
    ['{{ "x }}', 'has no "}}"'],
    ['{{}}', 'one value, or a call, is expected'],
    ['{{"a" "b"}}', 'one value, or a call, is expected'],
    ['{{(.Task.Slot}}', 'a ")" is missing'],
    ['{{a ; b}}', '"; b" is not understood'],
    ['{{printf "%f" 1}}', '%f is not understood'],
  ])('is refused with what is wrong: %s', (text, why) => {
    expect(() => fill(text)).toThrow(TemplateError);
    expect(() => fill(text)).toThrow(why);
  });

  it('is read in a time that follows its length, and makes no more than it may', () => {
    for (const piece of ['{{"', '{{`', '{{/*', '{{(', '{{if true}}', '{{', '{{"" ""'])
      expect(() => parse(piece.repeat(100_000))).toThrow(TemplateError);
    expect(() => render(parse('{{.Service.Name}}'.repeat(10)), fields, {}, 29)).toThrow(
      'longer than 29 bytes',
    );
  });

  it('comes to a text or a TemplateError, whatever is written', () => {
    const words = [
      '{{',
      '}}',
      '- ',
      ' -',
      '"',
      '`',
      '/*',
      '*/',
      '.',
      '.Task.Slot',
      'if ',
      'else',
      'end',
      'env',
      '(',
      ')',
      '|',
      ' ',
      '1',
      '\n',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 30 }), (parts) => {
        const text = parts.join('');
        try {
          expect(typeof fill(text)).toBe('string');
          if (!text.includes('{{')) expect(fill(text)).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
