import { Assignment, Endpoint, Network, Payload, Peer, Service, Slice } from './gen/shoal/v1/agent.ts';

/** The kinds of objects that agents are told of, each with the message it travels as. */
export const kinds = {
  task: Assignment,
  network: Network,
  slice: Slice,
  service: Service,
  endpoint: Endpoint,
  peer: Peer,
  // Never on a disk of the hosts that they are sent to.
  secret: Payload,
  config: Payload,
} as const;

export type Kind = keyof typeof kinds;
export type ObjectOf<K extends Kind> = ReturnType<(typeof kinds)[K]['decode']>;

export const kindNames = Object.keys(kinds) as Kind[];

/** What the kinds' messages have in common: the compiler does not see that a kind goes with its objects. */
interface Codec {
  encode(object: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

export const encodeObject = <K extends Kind>(kind: K, object: ObjectOf<K>): Buffer =>
  Buffer.from((kinds[kind] as Codec).encode(object).finish());

/** Throws on bytes that are no such object. */
export const decodeObject = <K extends Kind>(kind: K, bytes: Uint8Array): ObjectOf<K> =>
  (kinds[kind] as Codec).decode(bytes) as ObjectOf<K>;
