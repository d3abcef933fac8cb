import { type TProperties, type TSchema, Type } from 'typebox';

/** An object that refuses unknown fields: nothing a user sends is dropped in silence. */
export const object = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** A field that may be left out. Go clients also send `null` for "nothing", so null means the same. */
export const opt = <S extends TSchema>(schema: S) => Type.Optional(Type.Union([schema, Type.Null()]));

/** A string out of a fixed list. */
export const oneOf = <const V extends string>(...values: V[]) =>
  Type.Unsafe<V>({ type: 'string', enum: values });

/** Names and values of the user's own; `Type.Record` would let a name with a line break through unchecked. */
export const stringMap = Type.Unsafe<Record<string, string>>({
  type: 'object',
  additionalProperties: { type: 'string' },
});
/** Go's time.Duration: whole nanoseconds. */
export const nanoseconds = Type.Integer({ description: 'Nanoseconds' });
export const count = Type.Integer({ minimum: 0 });
