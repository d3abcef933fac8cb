import type { PendingReason } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { Demand } from './demand.ts';
import { applying, type Filter, filters, volumes } from './filters/index.ts';

/**
 * Why none of the nodes takes the task: most frequent reason first. A node counts once. `others`: nodes that nobody has to
 * look at, since they have not the task's volume.
 */
export function pendingReasons(demand: Demand, concerned: readonly Candidate[], others = 0): PendingReason[] {
  if (demand.nodeId !== undefined && concerned.length === 0) {
    return [{ filter: 'assignedNode', nodes: 0, text: `node ${demand.nodeId} does not exist` }];
  }
  const asking = applying(filters, demand);
  const refused = new Map<Filter, Candidate[]>();
  for (const candidate of concerned) {
    const filter = asking.find((one) => !one.passes(demand, candidate));
    if (!filter) continue;
    const others = refused.get(filter);
    if (others) others.push(candidate);
    else refused.set(filter, [candidate]);
  }
  const counts = new Map([...refused].map(([filter, nodes]) => [filter, nodes.length]));
  if (others > 0) {
    counts.set(volumes, (counts.get(volumes) ?? 0) + others);
    if (!refused.has(volumes)) refused.set(volumes, []);
  }
  return [...refused]
    .map(([filter, nodes]) => reason(filter, demand, nodes, counts.get(filter) ?? 0))
    .sort((a, b) => b.nodes - a.nodes || (a.filter < b.filter ? -1 : 1));
}

function reason(filter: Filter, demand: Demand, refused: readonly Candidate[], nodes: number): PendingReason {
  const summary = filter.summary(nodes);
  const missing = filter.missing?.(demand, refused);
  if (!missing) return { filter: filter.name, nodes, text: summary };
  return { filter: filter.name, nodes, missing: missing.names, text: `${summary}: ${missing.text}` };
}

/** Whether they are the same but for amounts, which change with every task that comes or goes. */
export const sameReasons = (a: readonly PendingReason[], b: readonly PendingReason[]): boolean =>
  gist(a) === gist(b);

const gist = (reasons: readonly PendingReason[]): string =>
  JSON.stringify(reasons.map(({ filter, nodes, missing }) => [filter, nodes, missing]));
