import { readFileSync } from 'node:fs';

/** Nodes that the manager ever called down, by their ids, with the reason that it gave in its log. */
export function verdictsIn(logFile: string): Map<string, string> {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  const verdicts = lines.filter((line) => line.includes('"node is down"'));
  return new Map(
    verdicts.map((line) => {
      const { nodeId, says } = JSON.parse(line) as { nodeId: string; says: string };
      return [nodeId, says];
    }),
  );
}
