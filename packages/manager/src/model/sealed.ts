declare const isSealed: unique symbol;

/** A text that is encrypted in the store, bound to its purpose. Only `Vault` makes and opens it. */
export type Sealed = string & { readonly [isSealed]: true };

/** What opens what is sealed: the data key, itself sealed with a key that is not in the store. */
export interface Sealing {
  /** Of the data key. What is sealed with it begins so. */
  readonly id: string;
  /** The data key, sealed with the unlock key while autolock is on, else with the manager's own key. */
  readonly dataKey: string;
  /** While autolock is on: for `docker swarm unlock-key`. */
  readonly unlockKey?: Sealed;
}

/** Docker's: a manager that starts is locked until somebody brings the unlock key. */
export const isAutolocked = ({ unlockKey }: Sealing): boolean => unlockKey !== undefined;

/** What is sealed as what. */
export const purposes = {
  rootKey: 'key of the root certificate',
  joinSecret: (role: string) => `join secret of a ${role}`,
  unlockKey: 'unlock key',
  registryAuth: (serviceId: string) => `registry credentials of service ${serviceId}`,
  content: (kind: 'secret' | 'config', id: string, version: number) => `content ${version} of ${kind} ${id}`,
};
