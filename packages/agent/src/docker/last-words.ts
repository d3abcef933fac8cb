/** Of what a container wrote before it failed, enough to know why. */
export const linesTold = 5;
const longestText = 500;

/** Of each frame of a log without a terminal: the stream (0, 1 or 2), three zeros, and the length of what follows. */
const headerBytes = 8;

/** The answer to `GET /containers/{id}/logs` in one line, lines parted by ` | `; its end, if it is long. */
export function lastWords(log: Buffer): string {
  const lines = textOf(log)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours, and whatever else is no text
    .replace(/\u001b\[[0-9;]*[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const text = lines.slice(-linesTold).join(' | ');
  return text.length > longestText ? `…${text.slice(1 - longestText)}` : text;
}

function textOf(log: Buffer): string {
  const parts: Buffer[] = [];
  let rest = log;
  while (rest.length >= headerBytes && rest.readUInt32BE(0) % 2 ** 24 === 0 && (rest[0] ?? 0) <= 2) {
    const end = headerBytes + rest.readUInt32BE(4);
    parts.push(rest.subarray(headerBytes, end));
    rest = rest.subarray(end);
  }
  // What is left is the output of a terminal, which has no frames.
  return Buffer.concat([...parts, rest]).toString('utf8');
}
