import { type Static, Type } from 'typebox';
import { object, oneOf, opt, stringMap } from './schema.ts';

export const Version = object({ Index: Type.Integer() });
export type Version = Static<typeof Version>;

/** Fields that every stored object carries. Times are RFC 3339. */
export interface Meta {
  readonly ID: string;
  readonly Version: Version;
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
}

/** What is kept of an object whose spec people change. */
export interface SpecHistory {
  /**
   * The newest `Version.Index` at which its present spec was not there yet: that of the object when its spec was
   * last replaced, or the store's before the object was created.
   */
  readonly replacedIndex?: number;
}

/**
 * Whether someone who read an object at this `Version.Index` saw its present spec. Docker compares for equality,
 * and refuses changes that conflict with nothing: a status that moved on has made the object's version newer.
 * Where it is not known since when the spec is there, only the present version will do.
 */
export const sawSpec = (
  index: number,
  present: Version,
  { replacedIndex = present.Index - 1 }: SpecHistory,
): boolean => index <= present.Index && index > replacedIndex;

export const metaSchemas = {
  ID: Type.String(),
  Version,
  CreatedAt: Type.String(),
  UpdatedAt: Type.String(),
};

export const Driver = object({ Name: opt(Type.String()), Options: opt(stringMap) });

export const Platform = object({ Architecture: opt(Type.String()), OS: opt(Type.String()) });
export type Platform = Static<typeof Platform>;

/** A countable resource (`gpu=3`) or one named unit of it (`gpu=uuid-1`). */
export const GenericResource = object({
  NamedResourceSpec: opt(object({ Kind: opt(Type.String()), Value: opt(Type.String()) })),
  DiscreteResourceSpec: opt(object({ Kind: opt(Type.String()), Value: opt(Type.Integer()) })),
});
export type GenericResource = Static<typeof GenericResource>;

export const Resources = object({
  NanoCPUs: opt(Type.Integer({ minimum: 0 })),
  MemoryBytes: opt(Type.Integer({ minimum: 0 })),
  GenericResources: opt(Type.Array(GenericResource)),
});
export type Resources = Static<typeof Resources>;

export const PortConfig = object({
  Name: opt(Type.String()),
  Protocol: opt(oneOf('tcp', 'udp', 'sctp')),
  TargetPort: opt(Type.Integer({ minimum: 0, maximum: 65_535 })),
  PublishedPort: opt(Type.Integer({ minimum: 0, maximum: 65_535 })),
  PublishMode: opt(oneOf('ingress', 'host')),
});
export type PortConfig = Static<typeof PortConfig>;
