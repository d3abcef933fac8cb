const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for HTML and SVG, in elements and in attributes. Control characters, which XML forbids, become blanks. */
export const escaped = (text: string): string =>
  text.replace(/[^\P{Cc}\t\n\r]/gu, ' ').replace(/[&<>"']/g, (letter) => entities[letter] ?? letter);

/** An element; attributes are escaped, `inside` is markup already. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...inside: readonly string[]
): string {
  const said = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === 'number' ? rounded(value) : escaped(value)}"`,
  );
  return `<${name}${said.join('')}>${inside.join('')}</${name}>`;
}

const rounded = (value: number): string => String(Math.round(value * 10) / 10);
