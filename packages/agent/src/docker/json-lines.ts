import type { Readable } from 'node:stream';

/** A longer line is no answer of a Docker daemon; it isn't kept. */
const longestLine = 1024 * 1024;

/** The JSON objects of one of Docker's streams, one a line; a broken line is left out. */
export async function* jsonLines(stream: Readable): AsyncGenerator<Record<string, unknown>> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) rest = '';
    for (const line of lines) yield* parsed(line);
  }
  yield* parsed(rest);
}

function parsed(line: string): Record<string, unknown>[] {
  if (!line.trim()) return [];
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    return [];
  }
}
