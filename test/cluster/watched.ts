import { faults, type Host, httpJson, until } from '@shoal/testbed';
import { afterEach, beforeEach, expect } from 'vitest';
import { cluster, create, lives, removeServices, running, webSpec } from './shared.ts';

export interface Verdict {
  readonly at: string;
  readonly state: string;
  readonly says: string;
  readonly heardAt?: string;
  readonly evidence: { readonly probes: { by: string; hostname?: string; answer: string }[] }[];
}
export interface Liveness extends Verdict {
  readonly verdicts: readonly Verdict[];
}

export const livenessOf = ({ name }: Host): Promise<Liveness> =>
  httpJson<Liveness>(`${cluster.apiUrl}/shoal/v1/nodes/${name}/liveness`);

export const isThoughtOf = (
  host: Host,
  what: string,
  test: (liveness: Liveness) => boolean,
): Promise<Liveness> =>
  until(
    `${host.name} is ${what}`,
    async (seen) => {
      const liveness = await livenessOf(host);
      seen({ ...liveness, verdicts: liveness.verdicts.length });
      return test(liveness) ? liveness : undefined;
    },
    { timeoutMs: 30_000, everyMs: 100 },
  );
export const isHeard = (host: Host) => isThoughtOf(host, 'heard again', ({ state }) => state === 'heard');

/**
 * Before each test of a file, a service `watched` with a task on each host; after it, no faults, and neither this service
 * nor the others named here. Gives a check that nobody was given up, and nothing that runs was touched.
 */
export function watched(...others: string[]): () => Promise<void> {
  let before: readonly string[] = [];
  let begin = 0;
  beforeEach(async () => {
    await create(webSpec('watched', { replicas: 3 }));
    await running('watched', 3);
    before = await lives('watched');
    begin = Date.now();
  });
  afterEach(async () => {
    await faults.healAll(cluster);
    await cluster.waitReady();
    await removeServices('watched', ...others);
  });
  return async () => {
    for (const host of cluster.hosts) {
      const { verdicts } = await isHeard(host);
      const since = verdicts.filter(({ at }) => Date.parse(at) >= begin);
      expect(since.map(({ state }) => state)).not.toContain('down');
    }
    await running('watched', 3);
    expect(await lives('watched')).toEqual(before);
  };
}
