import { styleText } from 'node:util';

/** Colour where it is wanted: on a terminal, and unless NO_COLOR says otherwise. */
export const paint = (
  style: Parameters<typeof styleText>[0],
  text: string,
  stream: NodeJS.WritableStream,
): string => styleText(style, text, { stream });
