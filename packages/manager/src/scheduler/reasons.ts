import type { PendingReason } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { Demand } from './demand.ts';
import { applying, type Filter, filters } from './filters/index.ts';

/** Why none of the nodes takes the task: most frequent reason first. A node counts once. */
export function pendingReasons(demand: Demand, concerned: readonly Candidate[]): PendingReason[] {
  if (demand.nodeId !== undefined && concerned.length === 0) {
    return [{ filter: 'assignedNode', nodes: 0, text: `node ${demand.nodeId} does not exist` }];
  }
  const asking = applying(filters, demand);
  const refused = new Map<Filter, number>();
  for (const candidate of concerned) {
    const filter = asking.find((one) => !one.passes(demand, candidate));
    if (filter) refused.set(filter, (refused.get(filter) ?? 0) + 1);
  }
  return [...refused]
    .map(([filter, nodes]) => ({ filter: filter.name, nodes, text: filter.summary(nodes) }))
    .sort((a, b) => b.nodes - a.nodes || (a.filter < b.filter ? -1 : 1));
}

export const pendingText = (reasons: readonly PendingReason[]): string =>
  reasons.length === 0
    ? 'no suitable node (the cluster has no nodes)'
    : `no suitable node (${reasons.map(({ text }) => text).join('; ')})`;
