import { type TObject, type TSchema, Type } from 'typebox';

/*
 * What the OpenAPI document says about a route. Bodies and query parameters are validated by these schemas;
 * responses are only described by them, never filtered through them.
 */

const ErrorResponse = Type.Object(
  { message: Type.String() },
  { description: 'What was wrong, where, and what to do' },
);

export const idParam = Type.Object({
  id: Type.String({ description: 'Id, name, or the beginning of an id that no other one shares' }),
});

/** Query parameters, all of them optional text as far as HTTP is concerned. */
export const query = (parameters: Readonly<Record<string, string>>): TObject =>
  Type.Object(
    Object.fromEntries(
      Object.entries(parameters).map(([name, description]) => [
        name,
        Type.Optional(Type.String({ description })),
      ]),
    ),
  );

export const filtersParam = (keys: readonly string[]): string =>
  `JSON such as {"name":{"web":true}}; keys: ${keys.filter((key) => !key.startsWith('_')).join(', ')}`;

interface RouteDoc {
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: TObject;
  readonly query?: TObject;
  readonly body?: TSchema;
  /** Success: status and what comes with it. */
  readonly answers: readonly [number, TSchema];
  /** Errors that this route may answer with. */
  readonly errors?: readonly number[];
}

export const route = (doc: RouteDoc) => ({
  schema: {
    tags: [doc.tag],
    summary: doc.summary,
    ...(doc.description && { description: doc.description }),
    ...(doc.params && { params: doc.params }),
    ...(doc.query && { querystring: doc.query }),
    ...(doc.body && { body: doc.body }),
    response: {
      [doc.answers[0]]: doc.answers[1],
      ...Object.fromEntries([...(doc.errors ?? []), 500].map((status) => [status, ErrorResponse])),
    },
  },
});

export const nothing = Type.Null({ description: 'An empty body' });
export const anything = (description: string) => Type.Object({}, { description });
