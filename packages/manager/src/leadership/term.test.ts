import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { type Cluster, purposes, type Sealed } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster, aService } from '../testing.ts';
import { SealBroken, type Vault } from '../trust/index.ts';
import { seal } from '../trust/seal.ts';
import { aVault } from '../trust/testing.ts';
import { beginTerm, nextTerm } from './term.ts';

const now = Date.UTC(2026, 0, 1);
const vault = aVault();

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
      vault,
      newTrust: async ({ ID }) => {
        made.push(ID);
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
  const { trust, sealing: _, ...before } = aCluster();
  await store.update((tx) => tx.clusters.create(before as Cluster));
  const newTrust = async () => trust;
  await beginTerm(store, { clock: () => now, ids: () => 'x', vault, newTrust, managerPorts: [] });
  expect([...store.view.clusters.all()]).toMatchObject([
    { ID: 'c', term: now / 1_000, trust, sealing: { id: expect.stringMatching(/^[\w-]{8}$/) } },
  ]);
});

it('seals what state of an earlier format had in the clear, or sealed with the key itself', async () => {
  const store = await TestStore.open(memoryBackend(), () => now);
  const key = randomBytes(32);
  const { sealing: _, trust, ...before } = aCluster();
  const former = (purpose: string, text: string) => seal(key, purpose, text) as Sealed;
  const joinSecret = (role: string) => former(purposes.joinSecret(role), `secret of a ${role}`);
  const formerTrust = {
    ...trust,
    root: { ...trust.root, key: former(purposes.rootKey, 'the key') },
    joinSecrets: { worker: joinSecret('worker'), manager: joinSecret('manager') },
  };
  await store.update((tx) => {
    tx.clusters.create({ ...before, trust: formerTrust } as Cluster);
    tx.services.create(
      aService('web', {
        shoal: { specVersion: 1, registryAuth: 'now' as Sealed, previousRegistryAuth: 'then' as Sealed },
      }),
    );
    tx.services.create(aService('db'));
  });
  const beginWith = (vault: Vault) =>
    beginTerm(store, {
      clock: () => now,
      ids: () => 'x',
      vault,
      newTrust: () => Promise.reject(new Error('it has one')),
      managerPorts: [],
    });
  await expect(beginWith(aVault())).rejects.toThrow(SealBroken);
  await beginWith(aVault(key));
  // Another process, later.
  const later = aVault(key);
  await beginWith(later);
  const [cluster] = store.view.clusters.all();
  const { registryAuth, previousRegistryAuth } = store.view.services.get('web')?.shoal ?? {};
  const opened = [
    [purposes.rootKey, cluster?.trust.root.key],
    [purposes.joinSecret('worker'), cluster?.trust.joinSecrets.worker],
    [purposes.joinSecret('manager'), cluster?.trust.joinSecrets.manager],
    [purposes.registryAuth('web'), registryAuth],
    [purposes.registryAuth('web'), previousRegistryAuth],
  ].map(([purpose = '', sealed]) => later.unseal(purpose, sealed as Sealed));
  expect(opened).toEqual(['the key', 'secret of a worker', 'secret of a manager', 'now', 'then']);
  expect(store.view.services.get('db')?.shoal).toEqual({ specVersion: 1 });
});
