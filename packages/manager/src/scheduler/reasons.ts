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
  const refused = new Map<Filter, Candidate[]>();
  for (const candidate of concerned) {
    const filter = asking.find((one) => !one.passes(demand, candidate));
    if (!filter) continue;
    const others = refused.get(filter);
    if (others) others.push(candidate);
    else refused.set(filter, [candidate]);
  }
  return [...refused]
    .map(([filter, nodes]) => reason(filter, demand, nodes))
    .sort((a, b) => b.nodes - a.nodes || (a.filter < b.filter ? -1 : 1));
}

function reason(filter: Filter, demand: Demand, refused: readonly Candidate[]): PendingReason {
  const nodes = refused.length;
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
