import { isoTime } from '../../effects.ts';
import { type AccessRole, accessRoles, type Token, userUnit } from '../../model/index.ts';
import type { Door, User } from '../http/index.ts';
import type { Certificate } from './certificate.ts';
import { findToken } from './tokens.ts';

/** What a request shows of who sends it. */
export interface Shown {
  /** None: it came through no listener. */
  readonly door: Door | undefined;
  /** The header. */
  readonly authorization?: string | undefined;
  readonly certificate?: Certificate | undefined;
}

/** Why somebody is not let in: 401 when we don't know who it is, 403 when we do. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly why: string;
}

/**
 * Who somebody is. A token that is shown counts, wherever it came in; then the certificate; then the door: who uses the
 * socket, or an address in the clear that was opened on purpose on this host, is admin.
 */
export function authenticate(
  { door, authorization, certificate }: Shown,
  tokens: { get(id: string): Token | undefined },
  now: number,
): User | Refusal {
  if (door === undefined) return nobody;
  if (authorization !== undefined) return byToken(authorization, tokens, now);
  if (certificate) return byCertificate(certificate, now);
  return adminOfHost(door) ?? nobody;
}

/** Who comes by a door that only the manager's own host has. */
export function adminOfHost(door: Door | undefined): User | null {
  if (door === 'socket') return { name: 'the unix socket', role: 'admin', via: 'socket' };
  if (door === 'plain') return { name: 'the loopback address', role: 'admin', via: 'loopback' };
  return null;
}

const nobody: Refusal = {
  status: 401,
  why:
    'authentication required: show a client certificate (docker --tlsverify), or a token as the header ' +
    '"Authorization: Bearer TOKEN" (`shoal token create` makes one)',
};

function byToken(
  header: string,
  tokens: { get(id: string): Token | undefined },
  now: number,
): User | Refusal {
  const [, value] = /^Bearer +(\S+)$/i.exec(header.trim()) ?? [];
  if (value === undefined)
    return { status: 401, why: 'the Authorization header must have the form "Bearer TOKEN"' };
  const token = findToken((id) => tokens.get(id), value);
  if (!token) return { status: 401, why: 'this token is unknown, or was revoked: ask an admin for another' };
  const { ID, name, role, expiresAt } = token;
  if (expiresAt !== undefined && expiresAt <= now)
    return {
      status: 401,
      why: `the token "${name}" expired at ${isoTime(expiresAt)}: ask an admin for another`,
    };
  return { name, role, via: 'token', tokenId: ID, ...(expiresAt !== undefined && { until: expiresAt }) };
}

function byCertificate(certificate: Certificate, now: number): User | Refusal {
  if ('problem' in certificate)
    return { status: 401, why: `the client certificate is not accepted: ${certificate.problem}` };
  const { name, units, until } = certificate;
  if (!(until > now)) return { status: 401, why: `the client certificate of "${name}" has expired` };
  const role = roleIn(units);
  if (!role)
    return {
      status: 403,
      why:
        `the certificate of "${name}" gives no role here: its OU must be ` +
        accessRoles
          .map(userUnit)
          .join(', ')
          .replace(/, (\S+)$/, ' or $1'),
    };
  return { name, role, via: 'certificate', until };
}

/** The greatest of several. */
const roleIn = (units: readonly string[]): AccessRole | undefined =>
  accessRoles.findLast((role) => units.includes(userUnit(role)));
