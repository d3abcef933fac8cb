import { type Static, Type } from 'typebox';
import { object, oneOf } from './schema.ts';

/** What somebody may do by the API, from least to most; each may all that those before it may. */
export const accessRoles = ['viewer', 'operator', 'admin'] as const;
export type AccessRole = (typeof accessRoles)[number];

/** How a user's certificate says its role: the organizational unit. Those of hosts say shoal-worker or shoal-manager. */
export const userUnit = (role: AccessRole): string => `shoal-${role}`;

/** A bearer token of the API as it is stored: what was shown to whoever made it is not in it. */
export interface Token {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  /** What people call it; no other token has it. */
  readonly name: string;
  readonly role: AccessRole;
  /** SHA-256 of its secret, in hex. */
  readonly hash: string;
  /** When it ends, in ms since the epoch: a date for people, as a certificate has one. None: it holds until it is revoked. */
  readonly expiresAt?: number;
}

/** A hundred years: a longer time is a slip, and soon too large for a date. */
const longestMs = 100 * 365 * 24 * 3_600_000;

const userName = (description: string) =>
  Type.String({ maxLength: 64, pattern: '^[a-zA-Z0-9][a-zA-Z0-9_.-]*$', description });

/** What is asked for. */
export const NewToken = object({
  name: userName('What people call it; unique'),
  role: oneOf(...accessRoles),
  expiresInMs: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: longestMs,
      description: 'Without it, the token holds until it is revoked',
    }),
  ),
});
export type NewToken = Static<typeof NewToken>;

/** As it is shown. */
export const ApiToken = object({
  id: Type.String(),
  name: Type.String(),
  role: oneOf(...accessRoles),
  createdAt: Type.String(),
  expiresAt: Type.Optional(Type.String()),
  expired: Type.Boolean(),
});
export type ApiToken = Static<typeof ApiToken>;

/** Of a user, for the API over TLS. A year at most, since it can't be taken back. */
export const NewCertificate = object({
  name: userName('Whom it is for; shown where that one may not do something'),
  role: oneOf(...accessRoles),
  expiresInMs: Type.Optional(
    Type.Integer({
      minimum: 60_000,
      maximum: 365 * 24 * 3_600_000,
      description: 'As long as a certificate of a node, if not given',
    }),
  ),
});
export type NewCertificate = Static<typeof NewCertificate>;
