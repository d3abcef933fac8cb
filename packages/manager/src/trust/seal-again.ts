import { type Cluster, purposes, type Sealed, type Sealing, type Service } from '../model/index.ts';
import type { Tx } from '../store/index.ts';
import type { Vault } from './vault.ts';

type Again = (purpose: string, sealed: Sealed) => Sealed;

/** Seals all that is sealed in this state with another data key. A kind of object with sealed fields has its line here. */
export function sealAgain(tx: Tx, sealing: Sealing, vault: Vault): void {
  const again: Again = (purpose, sealed) => vault.seal(sealing, purpose, vault.unseal(purpose, sealed));
  for (const cluster of [...tx.clusters.all()])
    tx.clusters.update({ ...cluster, sealing, trust: trustAgain(cluster, again) });
  sealServices(tx, again);
}

/**
 * State of formats 1 to 3 had no data key: the manager's own key sealed its trust, if it had any, and registry credentials were in
 * the clear.
 */
export function sealFormer(tx: Tx, sealing: Sealing, vault: Vault): void {
  const again: Again = (purpose, former) => vault.seal(sealing, purpose, vault.unsealFormer(purpose, former));
  for (const cluster of [...tx.clusters.all()])
    tx.clusters.update({ ...cluster, sealing, trust: cluster.trust && trustAgain(cluster, again) });
  sealServices(tx, (purpose, clear) => vault.seal(sealing, purpose, clear));
}

function trustAgain({ trust }: Cluster, again: Again): Cluster['trust'] {
  const { root, joinSecrets } = trust;
  const joinSecret = (role: 'worker' | 'manager') => again(purposes.joinSecret(role), joinSecrets[role]);
  return {
    ...trust,
    root: { ...root, key: again(purposes.rootKey, root.key) },
    joinSecrets: { worker: joinSecret('worker'), manager: joinSecret('manager') },
  };
}

function sealServices(tx: Tx, again: Again): void {
  for (const service of [...tx.services.all()]) {
    const credentials = credentialsAgain(service, again);
    if (Object.keys(credentials).length > 0)
      tx.services.update({ ...service, shoal: { ...service.shoal, ...credentials } });
  }
}

function credentialsAgain({ ID, shoal }: Service, again: Again) {
  const { registryAuth, previousRegistryAuth } = shoal;
  const purpose = purposes.registryAuth(ID);
  return {
    ...(registryAuth !== undefined && { registryAuth: again(purpose, registryAuth) }),
    ...(previousRegistryAuth !== undefined && { previousRegistryAuth: again(purpose, previousRegistryAuth) }),
  };
}
