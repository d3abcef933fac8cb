import {
  type Cluster,
  type Payload,
  type PayloadKind,
  purposes,
  type Sealed,
  type Sealing,
  type Service,
} from '../model/index.ts';
import type { Objects, TableName, Tx } from '../store/index.ts';
import type { Vault } from './vault.ts';

type Again = (purpose: string, sealed: Sealed) => Sealed;

type HoldsSealed<T> = T extends Sealed
  ? true
  : T extends object
    ? { [K in keyof T]-?: HoldsSealed<NonNullable<T[K]>> }[keyof T]
    : false;
type SealedTable = { [N in TableName]: true extends HoldsSealed<Objects[N]> ? N : never }[TableName];

/**
 * For each table of objects in which something is sealed (the compiler misses one that is not here): such an object, with all of
 * that sealed again. A value that is forgotten here makes the rotation fail, see `refuseForgotten`.
 */
const withSealedAgain: { readonly [N in SealedTable]: (object: Objects[N], again: Again) => Objects[N] } = {
  // How the state is sealed is new itself.
  clusters: (cluster, again) => ({ ...cluster, trust: trustAgain(cluster, again) }),
  services: serviceAgain,
  secrets: (secret, again) => payloadAgain('secret', secret, again),
  configs: (config, again) => payloadAgain('config', config, again),
};

/** Seals all that is sealed in this state with another data key. Throws when something would be left that no key opens any more. */
export function sealAgain(tx: Tx, sealing: Sealing, vault: Vault): void {
  const again: Again = (purpose, sealed) => vault.seal(sealing, purpose, vault.unseal(purpose, sealed));
  const former = new Set<string>();
  for (const cluster of [...tx.clusters.all()]) {
    former.add(cluster.sealing.id);
    tx.clusters.update({ ...cluster, sealing });
  }
  for (const name of Object.keys(withSealedAgain) as SealedTable[]) tableAgain(tx, name, again);
  refuseForgotten(tx, former);
}

function tableAgain<N extends SealedTable>(tx: Tx, name: N, again: Again): void {
  const table = tx[name] as unknown as { all(): Iterable<Objects[N]>; update(object: Objects[N]): unknown };
  for (const object of [...table.all()]) {
    const sealed = withSealedAgain[name](object, again);
    if (sealed !== object) table.update(sealed);
  }
}

/** What is sealed begins with the id of its data key. */
const idOf = (sealed: string): string => sealed.slice(0, sealed.indexOf('.'));

/** The state of before is not needed after this transaction, and with it goes the only key to what is still sealed as it was. */
function refuseForgotten(tx: Tx, former: ReadonlySet<string>): void {
  for (const name of Object.keys(withSealedAgain) as SealedTable[])
    for (const object of tx[name].all())
      for (const [path, text] of textsIn(object))
        if (text.includes('.') && former.has(idOf(text)))
          throw new Error(
            `${name} ${object.ID}: ${path} is not sealed again: trust/seal-again.ts leaves it out`,
          );
}

function* textsIn(value: unknown, path = ''): Iterable<[path: string, text: string]> {
  if (typeof value === 'string') yield [path, value];
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value))
      yield* textsIn(inner, path === '' ? key : `${path}.${key}`);
}

/**
 * State of formats 1 to 3 had no data key: the manager's own key sealed its trust, if it had any, and registry credentials were in
 * the clear.
 */
export function sealFormer(tx: Tx, sealing: Sealing, vault: Vault): void {
  const again: Again = (purpose, former) => vault.seal(sealing, purpose, vault.unsealFormer(purpose, former));
  for (const cluster of [...tx.clusters.all()])
    tx.clusters.update({ ...cluster, sealing, trust: cluster.trust && trustAgain(cluster, again) });
  tableAgain(tx, 'services', (purpose, clear) => vault.seal(sealing, purpose, clear));
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

function serviceAgain(service: Service, again: Again): Service {
  const { registryAuth, previousRegistryAuth } = service.shoal;
  if (registryAuth === undefined && previousRegistryAuth === undefined) return service;
  const purpose = purposes.registryAuth(service.ID);
  const credentials = {
    ...(registryAuth !== undefined && { registryAuth: again(purpose, registryAuth) }),
    ...(previousRegistryAuth !== undefined && { previousRegistryAuth: again(purpose, previousRegistryAuth) }),
  };
  return { ...service, shoal: { ...service.shoal, ...credentials } };
}

const payloadAgain = (kind: PayloadKind, payload: Payload, again: Again): Payload => ({
  ...payload,
  contents: payload.contents.map((content) => ({
    ...content,
    data: again(purposes.content(kind, payload.ID, content.version), content.data),
  })),
});
