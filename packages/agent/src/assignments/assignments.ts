import {
  Change,
  type Changes,
  decodeObject,
  encodeObject,
  type Kind,
  kindNames,
  type ObjectOf,
} from '@shoal/proto';

/** The part of the agent that each kind of object is for. */
const parts = {
  task: 'tasks',
  network: 'network',
  slice: 'network',
  service: 'network',
  endpoint: 'network',
  peer: 'network',
  secret: 'secrets',
  config: 'secrets',
} as const satisfies Record<Kind, 'tasks' | 'network' | 'secrets'>;

/** Kept in memory alone: what they hold must be on no disk of a host. */
const inMemory: readonly Kind[] = ['secret', 'config'];
const isInMemory = (key: string): boolean => inMemory.some((kind) => key.startsWith(`${kind} `));

/** What this host has to know, by kind and id. */
export type Objects = { readonly [K in Kind]: ReadonlyMap<string, ObjectOf<K>> };
/** What one part of the agent has to know of that. */
export type ObjectsFor<P extends (typeof parts)[Kind]> = Pick<
  Objects,
  { [K in Kind]: (typeof parts)[K] extends P ? K : never }[Kind]
>;

interface Decoded {
  readonly kind: Kind;
  readonly id: string;
  readonly bytes: Buffer;
  /** None: the host has nothing to do with the object any more. */
  readonly object: Buffer | undefined;
}

/**
 * What the manager has assigned to this host. An object that comes again as the same bytes stays the same object, whether
 * by a change or in a complete set of another session; and a kind's map stays the same map while its objects do. All who
 * use them see by that what is new.
 */
export class Assignments {
  readonly #kinds: ReadonlySet<string>;
  #number = 0;
  #objects = Object.fromEntries(kindNames.map((kind) => [kind, new Map()])) as unknown as Objects;
  /** Changes that led to the objects, encoded, by kind and id. */
  readonly #encoded = new Map<string, Buffer>();

  /** @param kinds what else there is, is left out */
  constructor(kinds: readonly Kind[] = kindNames) {
    this.#kinds = new Set(kinds);
  }

  get number(): number {
    return this.#number;
  }

  get objects(): Objects {
    return this.#objects;
  }

  /** False, and nothing has changed, when the message builds on a set that this one is not. Throws on broken bytes. */
  apply(message: Changes): boolean {
    if (!message.complete && message.appliesTo !== this.#number) return false;
    const changes = new Map(
      message.changes.flatMap((bytes) => this.#decode(bytes)).map((change) => [keyOf(change), change]),
    );
    if (message.complete)
      for (const [key, bytes] of this.#encoded)
        if (!changes.has(key))
          for (const change of this.#decode(bytes)) changes.set(key, { ...change, object: undefined });
    const fresh = [...changes.values()].filter((change) => !this.#isKnown(change));
    const objects = Object.groupBy(fresh, ({ kind }) => kind);
    this.#objects = Object.fromEntries(
      kindNames.map((kind) => [kind, changed(kind, this.#objects[kind], objects[kind] ?? [])]),
    ) as unknown as Objects;
    for (const change of fresh) {
      if (change.object) this.#encoded.set(keyOf(change), change.bytes);
      else this.#encoded.delete(keyOf(change));
    }
    this.#number = message.resultsIn;
    return true;
  }

  /**
   * The message that leads here from any other set, without registry credentials and without what secrets and configs hold: these are
   * in memory alone, and each session brings them again. An agent that starts without a manager pulls without credentials, and starts
   * no task whose files are gone.
   */
  forDisk(): Changes {
    return {
      complete: true,
      appliesTo: 0,
      resultsIn: this.#number,
      unawaited: true,
      changes: [...this.#encoded].flatMap(([key, bytes]) =>
        isInMemory(key) ? [] : (this.#withoutCredentials(key) ?? bytes),
      ),
    };
  }

  /** Undefined for what has none. */
  #withoutCredentials(key: string): Buffer | undefined {
    const [kind, id = ''] = key.split(' ');
    const task = kind === 'task' ? this.#objects.task.get(id) : undefined;
    if (!task?.registryAuth) return undefined;
    const object = encodeObject('task', { ...task, registryAuth: '' });
    return Buffer.from(Change.encode({ kind: 'task', id, object }).finish());
  }

  #decode(bytes: Buffer): Decoded[] {
    const { kind, id, object } = Change.decode(bytes);
    return this.#kinds.has(kind) ? [{ kind: kind as Kind, id, bytes, object }] : [];
  }

  #isKnown(change: Decoded): boolean {
    const known = this.#encoded.get(keyOf(change));
    return change.object ? known?.equals(change.bytes) === true : known === undefined;
  }
}

const keyOf = ({ kind, id }: Pick<Decoded, 'kind' | 'id'>): string => `${kind} ${id}`;

function changed<K extends Kind>(
  kind: K,
  before: ReadonlyMap<string, ObjectOf<K>>,
  changes: readonly Decoded[],
): ReadonlyMap<string, ObjectOf<K>> {
  if (changes.length === 0) return before;
  const after = new Map(before);
  for (const { id, object } of changes) {
    if (object) after.set(id, decodeObject(kind, object));
    else after.delete(id);
  }
  return after;
}
