import { randomInt } from 'node:crypto';
import { NetworkCheck, NetworkHeard } from '@shoal/proto';
import { hostnameOf } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import { type Ask, askAll } from './ask.ts';
import type { Check, Host } from './checks.ts';
import { diagnose } from './diagnosis.ts';

/** The agents' own checks take 6 s at most; together with the second question it is 10 s. */
const checkMs = 7_500;
const heardMs = 2_500;
/** How many others each host checks its way to, and is checked by. */
const mostPeers = 64;

export interface Findings {
  readonly healthy: boolean;
  /** Failed ones first. */
  readonly checks: readonly Check[];
}

/** Asks every host to check itself and its way to others. Takes ten seconds at most. */
export async function examineNetworks(view: ReadView, ask: Ask): Promise<Findings> {
  const hosts = hostsOf(view);
  const ids = hosts.map(({ id }) => id);
  const probe = randomInt(1, 0xfffe);
  const answers = await askAll(ask, ids, {
    what: (id) => ({ $case: 'networkCheck', value: { probe, nodeIds: peersOf(id, ids) } }),
    withinMs: checkMs,
    read: (answer) => NetworkCheck.fromPartial(answer as object),
  });
  const missed = answers.flatMap(({ value }) => value?.ways.filter((way) => !way.answered) ?? []);
  const heard = await askAll(ask, new Set(missed.map(({ nodeId }) => nodeId)), {
    what: () => ({ $case: 'networkHeard', value: { probe } }),
    withinMs: heardMs,
    read: (answer) => NetworkHeard.fromPartial(answer as object),
  });
  const checks = diagnose({ hosts, answers, heard });
  return { healthy: checks.every(({ ok }) => ok), checks };
}

const hostsOf = (view: ReadView): Host[] =>
  [...view.nodes.all()]
    .map((node) => ({
      id: node.ID,
      name: hostnameOf(node),
      address: node.reported.address,
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** The next ones after it, all others in a small cluster. */
export function peersOf(id: string, ids: readonly string[]): string[] {
  const at = ids.indexOf(id);
  return [...ids.slice(at + 1), ...ids.slice(0, at)].slice(0, mostPeers);
}
