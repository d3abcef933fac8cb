import { expect, it } from 'vitest';
import type { Cluster } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster } from '../testing.ts';
import { beginTerm, nextTerm } from './term.ts';

const now = Date.UTC(2026, 0, 1);

it('a term is higher than all before it, also of a manager whose state is older, or whose clock was set back', () => {
  expect(nextTerm(0, now)).toBe(now / 1_000);
  expect(nextTerm(now / 1_000, now)).toBe(now / 1_000 + 1);
  const seenByAgents = nextTerm(nextTerm(0, now), now + 60_000);
  const fromBackup = 0;
  expect(nextTerm(fromBackup, now + 120_000)).toBeGreaterThan(seenByAgents);
  expect(nextTerm(seenByAgents, now - 3_600_000)).toBe(seenByAgents + 1);
});

it('makes the cluster once; each further term changes nothing of it but the ports', async () => {
  const store = await TestStore.open(memoryBackend(), () => now);
  let id = 0;
  const made: string[] = [];
  const begin = (port: number) =>
    beginTerm(store, {
      clock: () => now,
      ids: () => `id${++id}`,
      newTrust: async (clusterId) => {
        made.push(clusterId);
        return aCluster().trust;
      },
      managerPorts: [{ port, what: "the manager's API" }],
    });
  await begin(2475);
  const [first] = store.view.clusters.all();
  expect(first).toMatchObject({ ID: 'id1', trust: aCluster().trust });
  await begin(2476);
  const { Version: _v, UpdatedAt: _u, ...second } = [...store.view.clusters.all()][0] ?? {};
  const { Version: _w, UpdatedAt: _x, ...expected } = first ?? {};
  expect(second).toEqual({
    ...expected,
    term: now / 1_000 + 1,
    managerPorts: [{ port: 2476, what: "the manager's API" }],
  });
  expect(made).toEqual(['id1']);
});

it('of state that has none, nor an authority, begins both', async () => {
  const store = await TestStore.open(memoryBackend(), () => now);
  const { trust, ...before } = aCluster();
  await store.update((tx) => tx.clusters.create(before as Cluster));
  const newTrust = async () => trust;
  await beginTerm(store, { clock: () => now, ids: () => 'x', newTrust, managerPorts: [] });
  expect([...store.view.clusters.all()]).toMatchObject([{ ID: 'c', term: now / 1_000, trust }]);
});
