import type { PendingReason } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { Demand } from './demand.ts';
import { type Filter, filters } from './filters/index.ts';

/** Why none of the nodes takes the task: most frequent reason first. A node counts once. */
export function pendingReasons(demand: Demand, candidates: Iterable<Candidate>): PendingReason[] {
  const refused = new Map<Filter, number>();
  let known = demand.nodeId === undefined;
  for (const candidate of candidates) {
    // Of a task bound to a node, only that node is worth a word.
    if (demand.nodeId !== undefined && candidate.node.ID !== demand.nodeId) continue;
    known = true;
    const filter = filters.find((one) => !one.passes(demand, candidate));
    if (filter) refused.set(filter, (refused.get(filter) ?? 0) + 1);
  }
  if (!known)
    return [{ filter: 'assignedNode', nodes: 0, text: `node ${demand.nodeId ?? ''} does not exist` }];
  return [...refused]
    .map(([filter, nodes]) => ({ filter: filter.name, nodes, text: filter.summary(nodes) }))
    .sort((a, b) => b.nodes - a.nodes || (a.filter < b.filter ? -1 : 1));
}

export const pendingText = (reasons: readonly PendingReason[]): string =>
  reasons.length === 0
    ? 'no suitable node (the cluster has no nodes)'
    : `no suitable node (${reasons.map(({ text }) => text).join('; ')})`;
