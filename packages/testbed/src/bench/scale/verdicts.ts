import { readFileSync } from 'node:fs';

/** Ids of all nodes that the manager ever called down, as its log tells. */
export function verdictsIn(logFile: string): Set<string> {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  const verdicts = lines.filter((line) => line.includes('"node is down"'));
  return new Set(verdicts.map((line) => (JSON.parse(line) as { nodeId: string }).nodeId));
}
