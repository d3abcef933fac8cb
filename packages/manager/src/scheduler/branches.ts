import type { Node } from '../model/index.ts';
import type { SpreadLevel } from './constraints.ts';

/** Which innermost branch each node is in; the same for all tasks with the same spread levels. */
export interface Branches {
  /** Index into `paths`, by the node's `order`. */
  readonly leafOf: readonly number[];
  /** Of each innermost branch: itself and those around it, outermost first. Empty without levels. */
  readonly paths: readonly (readonly string[])[];
}

/** `nodes` in their order. */
export function branchesOf(spread: readonly SpreadLevel[], nodes: readonly Node[]): Branches {
  const leaves = new Map<string, number>();
  const paths: string[][] = [];
  const leafOf = nodes.map((node) => {
    const values = spread.map(({ branchOf }) => branchOf(node));
    const path = values.map((_, level) => JSON.stringify(values.slice(0, level + 1)));
    const innermost = path.at(-1) ?? '';
    const known = leaves.get(innermost);
    if (known !== undefined) return known;
    leaves.set(innermost, paths.length);
    return paths.push(path) - 1;
  });
  return { leafOf, paths };
}
