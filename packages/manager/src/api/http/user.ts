import { type AccessRole, accessRoles } from '../../model/index.ts';

/** How somebody came in: by the socket or in the clear from the host itself, or by what was shown. */
export type Via = 'socket' | 'loopback' | 'certificate' | 'token';

/** Who asks, and what that one may do. */
export interface User {
  readonly name: string;
  readonly role: AccessRole;
  readonly via: Via;
  /** Of the token that was shown. */
  readonly tokenId?: string;
  /** When what was shown ends, in ms since the epoch. */
  readonly until?: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null only on routes that are for anyone. */
    user: User | null;
  }
}

export const mayAct = (user: User, needed: AccessRole): boolean =>
  accessRoles.indexOf(user.role) >= accessRoles.indexOf(needed);

/** For refusals and the log, as in `token "ci"`. */
export const named = ({ via, name }: User): string =>
  via === 'socket' || via === 'loopback' ? name : `${via} "${name}"`;
