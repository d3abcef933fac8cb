import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isAutolocked,
  type PayloadKind,
  payloadKinds,
  purposes,
  type Sealed,
  type Sealing,
} from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aCluster, aPayload, aService } from '../testing.ts';
import { Locked, SealBroken, Vault } from './index.ts';
import { sealAgain } from './seal-again.ts';
import { aVault } from './testing.ts';
import { formatUnlockKey, parseUnlockKey } from './unlock-key.ts';

const key = randomBytes(32);

describe('what a vault seals', () => {
  it('opens in another process that has the key, for its purpose alone', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (purpose, text) => {
        const first = aVault(key);
        const sealing = first.begin(true);
        const sealed = first.seal(sealing, purpose, text);
        const later = aVault(key);
        expect(() => later.unseal(purpose, sealed)).toThrow('that key is not known');
        later.open(sealing);
        expect(later.unseal(purpose, sealed)).toBe(text);
        expect(() => later.unseal(`${purpose}.`, sealed)).toThrow(SealBroken);
      }),
      { numRuns: 30 },
    );
  });

  it('is refused with a sentence where the key is another one, or the data key was changed or exchanged', () => {
    const sealing = aVault(key).begin(true);
    const other = aVault(key).begin(true);
    const says = 'the key of this test is not the key that this state was sealed with';
    expect(() => aVault().open(sealing)).toThrow(says);
    expect(() => aVault(key).open({ ...sealing, dataKey: other.dataKey })).toThrow(says);
    expect(() => aVault(key).open({ ...sealing, dataKey: sealing.dataKey.slice(0, -2) })).toThrow(says);
  });
});

describe('an unlock key', () => {
  it('is written and read alike, and nothing else is one', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(bytes, (made) => {
        const text = formatUnlockKey(made);
        expect(text).toMatch(/^SWMKEY-1-/);
        expect(parseUnlockKey(text)).toEqual(Buffer.from(made));
        expect(parseUnlockKey(text.slice(0, -1))).toBeUndefined();
        expect(parseUnlockKey(`${text}=`)).toBeUndefined();
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => parseUnlockKey(text) === undefined));
  });

  it('alone opens the state while autolock is on', () => {
    const vault = aVault(key);
    const sealing = vault.renew(true);
    expect(isAutolocked(sealing)).toBe(true);
    const later = aVault(key);
    expect(() => later.open(sealing)).toThrow(Locked);
    for (const wrong of ['', 'SWMKEY-1-', formatUnlockKey(key), vault.unlockKey(vault.renew(true))])
      expect(later.unlock(sealing, wrong)).toBe(false);
    expect(() => later.open(sealing)).toThrow(Locked);
    expect(later.unlock(sealing, `${vault.unlockKey(sealing)}\n`)).toBe(true);
    later.open(sealing);
    expect(later.unlockKey(sealing)).toBe(vault.unlockKey(sealing));
    // And what that key opens next.
    const next = later.renew(false);
    expect(isAutolocked(next)).toBe(false);
    aVault(key).open(next);
  });

  it('has the key of before forgotten as soon as the state that it opens is there, and not sooner', () => {
    let forgotten = 0;
    const place = { name: 'x', read: () => key, forget: () => void forgotten++ };
    const vault = new Vault(place);
    vault.open(vault.begin(true));
    const sealing = vault.renew(true);
    expect(forgotten).toBe(0);
    vault.open(sealing);
    expect(forgotten).toBe(1);
    // After a crash right after the commit.
    expect(() => new Vault(place).open(sealing)).toThrow(Locked);
    expect(forgotten).toBe(2);
  });
});

describe('sealing all anew', () => {
  const texts = fc.stringMatching(/^[a-z]{12}$/);
  const anyServices = fc.uniqueArray(
    fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), auth: fc.option(texts), before: fc.option(texts) }),
    { selector: ({ id }) => id },
  );

  it('keeps every value, leaves none in the clear, and makes the keys of before useless', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyServices,
        fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
        async (services, locks) => {
          const vault = aVault(key);
          const first = vault.begin(true);
          const planted = {
            rootKey: 'planted root key',
            worker: 'planted worker',
            manager: 'planted manager',
          };
          const put = (purpose: string, text: string) => vault.seal(first, purpose, text);
          const store = await TestStore.open(memoryBackend(), () => 0);
          const { trust } = aCluster();
          await store.update((tx) => {
            tx.clusters.create({
              ...aCluster(),
              sealing: first,
              trust: {
                ...trust,
                root: { ...trust.root, key: put(purposes.rootKey, planted.rootKey) },
                joinSecrets: {
                  worker: put(purposes.joinSecret('worker'), planted.worker),
                  manager: put(purposes.joinSecret('manager'), planted.manager),
                },
              },
            });
            for (const { id, auth, before } of services)
              tx.services.create(
                aService(id, {
                  shoal: {
                    specVersion: 1,
                    ...(auth && { registryAuth: put(purposes.registryAuth(id), auth) }),
                    ...(before && { previousRegistryAuth: put(purposes.registryAuth(id), before) }),
                  },
                }),
              );
            for (const kind of payloadKinds)
              tx[`${kind}s`].create(
                aPayload(
                  kind,
                  [1, 2].map((version) => ({
                    version,
                    at: '',
                    data: put(purposes.content(kind, kind, version), `planted ${kind} ${version}`),
                  })),
                ),
              );
          });
          const gone: Sealing[] = [first];
          for (const autolock of locks) {
            const sealing = vault.renew(autolock);
            await store.update((tx) => sealAgain(tx, sealing, vault));
            gone.push(sealing);
          }
          const present = gone.pop();
          const [cluster] = store.view.clusters.all();
          expect(cluster?.sealing).toBe(present);
          if (!cluster || !present) return;

          const later = aVault(key);
          const unlockKey = vault.unlockKey(present);
          expect(isAutolocked(present)).toBe(locks.at(-1));
          if (unlockKey) expect(later.unlock(present, unlockKey)).toBe(true);
          later.open(present);
          const opened = (purpose: string, sealed: Sealed | undefined) =>
            sealed === undefined ? null : later.unseal(purpose, sealed);
          expect(opened(purposes.rootKey, cluster.trust.root.key)).toBe(planted.rootKey);
          expect(opened(purposes.joinSecret('worker'), cluster.trust.joinSecrets.worker)).toBe(
            planted.worker,
          );
          expect(opened(purposes.joinSecret('manager'), cluster.trust.joinSecrets.manager)).toBe(
            planted.manager,
          );
          for (const { id, auth, before } of services) {
            const { registryAuth, previousRegistryAuth } = store.view.services.get(id)?.shoal ?? {};
            expect([
              opened(purposes.registryAuth(id), registryAuth),
              opened(purposes.registryAuth(id), previousRegistryAuth),
            ]).toEqual([auth, before]);
          }

          const payloads = payloadKinds.flatMap((kind) => [...store.view[`${kind}s`].all()]);
          for (const { ID: kind, contents } of payloads)
            for (const { version, data } of contents)
              expect(opened(purposes.content(kind as PayloadKind, kind, version), data)).toBe(
                `planted ${kind} ${version}`,
              );

          const stored = JSON.stringify([cluster, ...store.view.services.all(), ...payloads]);
          const values = [
            'planted secret',
            'planted config',
            ...Object.values(planted),
            ...services.flatMap(({ auth, before }) => [auth, before]),
          ];
          for (const value of values) if (value) expect(stored).not.toContain(value);
          for (const { id } of gone) expect(stored).not.toContain(id);
          if (unlockKey) expect(stored).not.toContain(unlockKey);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('fails rather than leave something that no key opens any more', async () => {
    const vault = aVault(key);
    const first = vault.begin(true);
    const store = await TestStore.open(memoryBackend(), () => 0);
    await store.update((tx) => {
      tx.clusters.create({ ...aCluster(), sealing: first, trust: sealedTrust(vault, first) });
      const forgotten = { Name: vault.seal(first, 'a kind that nobody knows', 'x') };
      tx.secrets.create({ ...aPayload('s', []), Spec: forgotten });
    });
    await expect(store.update((tx) => sealAgain(tx, vault.renew(false), vault))).rejects.toThrow(
      'secrets s: Spec.Name is not sealed again',
    );
    expect([...store.view.clusters.all()][0]?.sealing).toEqual(first);
  });
});

function sealedTrust(vault: Vault, sealing: Sealing) {
  const { trust } = aCluster();
  const joinSecret = (role: 'worker' | 'manager') => vault.seal(sealing, purposes.joinSecret(role), role);
  return {
    ...trust,
    root: { ...trust.root, key: vault.seal(sealing, purposes.rootKey, 'root') },
    joinSecrets: { worker: joinSecret('worker'), manager: joinSecret('manager') },
  };
}
