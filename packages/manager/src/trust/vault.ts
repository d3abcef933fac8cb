import { randomBytes } from 'node:crypto';
import { isAutolocked, purposes, type Sealed, type Sealing } from '../model/index.ts';
import { seal, sealingKeyBytes, unseal } from './seal.ts';
import { formatUnlockKey, parseUnlockKey } from './unlock-key.ts';

/** The manager's own key, which lies outside of the state: in a file, or in the environment. */
export interface KeyPlace {
  /** For people. */
  readonly name: string;
  /** `mayMake`: nothing is sealed with it yet, so it may be made. Throws an Error with a text for people. */
  read(mayMake: boolean): Uint8Array;
  /** It opens nothing any more: an unlock key does. `isNew`: which was made in the life of this process. */
  forget(isNew: boolean): void;
}

/** What opens a state, in the clear: one of the two. */
export interface Opener {
  /** The manager's own key, base64. */
  readonly sealingKey?: string | undefined;
  /** While autolock is on. */
  readonly unlockKey?: string | undefined;
}

/** Only somebody who brings the unlock key opens this state. */
export class Locked extends Error {
  override readonly name = 'Locked';
  readonly sealing: Sealing;

  constructor(sealing: Sealing) {
    super('this manager is locked: `docker swarm unlock` on its host unlocks it');
    this.sealing = sealing;
  }
}

const idBytes = 6;

/**
 * Seals and opens what the store holds of secrets. All of a state is sealed with one data key, which is in the state too,
 * sealed with a key that is not. The vault lives as long as the process, whoever leads: it knows every data key and unlock key
 * of that time, so that it opens the state as it was before and after a change whose answer was lost.
 */
export class Vault {
  readonly #place: KeyPlace;
  readonly #dataKeys = new Map<string, Uint8Array>();
  /** Data keys that were made here. */
  readonly #made = new Set<string>();
  readonly #unlockKeys: Uint8Array[] = [];

  constructor(place: KeyPlace) {
    this.#place = place;
  }

  /** For a state in which nothing is sealed with a data key. `mayMake`: nor with the manager's own key, as once it was. */
  begin(mayMake: boolean): Sealing {
    return this.#make(this.#place.read(mayMake));
  }

  /**
   * Learns the data key. Throws Locked where only an unlock key opens it that nobody has brought; an Error with a text for people
   * where the manager's own key is missing or another one.
   */
  open(sealing: Sealing): void {
    if (isAutolocked(sealing)) this.#place.forget(this.#made.has(sealing.id));
    if (this.#dataKeys.has(sealing.id)) return;
    if (isAutolocked(sealing)) {
      if (!this.#unlockKeys.some((key) => this.#learn(sealing, key))) throw new Locked(sealing);
    } else if (!this.#learn(sealing, this.#place.read(false)))
      throw new Error(
        `${this.#place.name} is not the key that this state was sealed with, or the state was changed: bring back the one that belongs to it`,
      );
  }

  /** Whether `text` is the unlock key; then this state opens from now on. */
  unlock(sealing: Sealing, text: string): boolean {
    const key = parseUnlockKey(text.trim());
    if (!key || !this.#learn(sealing, key)) return false;
    this.#unlockKeys.push(key);
    return true;
  }

  /** Another data key, which a new unlock key opens, or the manager's own key. What is sealed is to be sealed anew with it. */
  renew(autolock: boolean): Sealing {
    if (!autolock) return this.#make(this.#place.read(true));
    const key = randomBytes(sealingKeyBytes);
    this.#unlockKeys.push(key);
    return this.#make(key, formatUnlockKey(key));
  }

  /** For people, and for them alone: not to be logged. Empty while autolock is off, as Docker's API has it. */
  unlockKey({ unlockKey }: Sealing): string {
    return unlockKey === undefined ? '' : this.unseal(purposes.unlockKey, unlockKey);
  }

  /** What opens this state elsewhere, in the clear: for what is encrypted itself, and for that alone. */
  opener(sealing: Sealing): Opener {
    if (isAutolocked(sealing)) return { unlockKey: this.unlockKey(sealing) };
    return { sealingKey: Buffer.from(this.#place.read(false)).toString('base64') };
  }

  seal({ id }: Sealing, purpose: string, text: string): Sealed {
    return `${id}.${seal(this.#dataKey(id), purpose, text)}` as Sealed;
  }

  /** Throws SealBroken where it was sealed for another purpose, or changed. */
  unseal(purpose: string, sealed: Sealed): string {
    const [id = ''] = sealed.split('.', 1);
    return unseal(this.#dataKey(id), purpose, sealed.slice(id.length + 1));
  }

  /** What was sealed with the manager's own key, before there were data keys. */
  unsealFormer(purpose: string, sealed: string): string {
    return unseal(this.#place.read(false), purpose, sealed);
  }

  #dataKey(id: string): Uint8Array {
    const key = this.#dataKeys.get(id);
    if (!key)
      throw new Error(`what is sealed with the data key ${id} can't be opened: that key is not known`);
    return key;
  }

  #make(opener: Uint8Array, unlockKey?: string): Sealing {
    const id = randomBytes(idBytes).toString('base64url');
    const dataKey = randomBytes(sealingKeyBytes);
    this.#dataKeys.set(id, dataKey);
    this.#made.add(id);
    const sealing = { id, dataKey: seal(opener, purposeOf(id), dataKey.toString('base64')) };
    if (unlockKey === undefined) return sealing;
    return { ...sealing, unlockKey: this.seal(sealing, purposes.unlockKey, unlockKey) };
  }

  #learn({ id, dataKey }: Sealing, opener: Uint8Array): boolean {
    try {
      this.#dataKeys.set(id, Buffer.from(unseal(opener, purposeOf(id), dataKey), 'base64'));
      return true;
    } catch {
      return false;
    }
  }
}

const purposeOf = (id: string): string => `data key ${id}`;
