import { canaryLabels } from './canary-labels.ts';
import { allowPrivilegedLabel, hostAccessLabels } from './host-access.ts';
import {
  balanceLabel,
  cronLabel,
  cronMissedLabel,
  cronOverlapLabel,
  cronTimezoneLabel,
  dependsOnLabel,
  drainLabel,
  encryptLabel,
  isolationLabel,
  networkLabel,
  priorityLabel,
  rebalanceLabel,
} from './labels.ts';
import { placementLabels } from './placement-labels.ts';
import { rolloutLabels } from './rollout-labels.ts';

type Labels = Readonly<Record<string, string>>;

/** What can have labels, and whether `shoal.*` ones mean something there. */
export type Labelled = 'service' | 'container' | 'node' | 'network' | 'secret' | 'config' | 'cluster';

/** Every label that means something to Shoal, by what it is put on. */
const known: Readonly<Record<Labelled, readonly string[]>> = {
  service: [
    balanceLabel,
    cronLabel,
    cronMissedLabel,
    cronOverlapLabel,
    cronTimezoneLabel,
    dependsOnLabel,
    drainLabel,
    isolationLabel,
    networkLabel,
    priorityLabel,
    rebalanceLabel,
    ...placementLabels,
    ...hostAccessLabels,
    ...rolloutLabels,
    ...canaryLabels,
  ],
  container: [],
  node: [allowPrivilegedLabel],
  network: [],
  secret: [],
  config: [],
  cluster: [encryptLabel],
};
const places = Object.keys(known) as Labelled[];

const isOurs = (name: string): boolean => /^shoal\./i.test(name);

/**
 * What is wrong with the first label whose name begins with `shoal.` and means nothing on a `kind`; undefined when
 * all is well. Labels that are in `before` too, with the same value, are left alone: what was made before a name
 * was refused can still be changed. `path` is where the labels are in the request.
 */
export function unknownLabel(
  kind: Labelled,
  labels: Labels | null | undefined,
  before: Labels | null | undefined,
  path = 'Labels',
): string | undefined {
  for (const [name, value] of Object.entries(labels ?? {})) {
    if (!isOurs(name) || known[kind].includes(name) || before?.[name] === value) continue;
    const owner = places.find((place) => known[place].includes(name));
    if (owner) return `${path}["${name}"]: is a label of a ${owner}, not of a ${kind}${hint(owner, kind)}`;
    const nearest = nearestTo(name);
    return `${path}["${name}"]: there is no such label; the nearest is ${nearest.name}, of a ${nearest.place}`;
  }
  return undefined;
}

/** In a stack file the two look alike. */
const hint = (owner: Labelled, kind: Labelled): string =>
  owner === 'service' && kind === 'container' ? ' (in a stack file: deploy.labels, not labels)' : '';

/** The known label that takes the fewest changes of a letter; of two the first by name. */
function nearestTo(name: string): { name: string; place: Labelled } {
  const all = places.flatMap((place) => known[place].map((one) => ({ name: one, place })));
  const judged = all.map((label) => ({ label, changes: editDistance(name.toLowerCase(), label.name) }));
  const [best] = judged.toSorted((a, b) => a.changes - b.changes || (a.label.name < b.label.name ? -1 : 1));
  if (!best) throw new Error('no label is known');
  return best.label;
}

/** How many letters must be put in, taken out or replaced to make one of the other (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
