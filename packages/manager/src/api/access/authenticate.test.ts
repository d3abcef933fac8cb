import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Token } from '../../model/index.ts';
import { authenticate, type Shown } from './authenticate.ts';
import { makeToken } from './tokens.ts';

const now = Date.UTC(2026, 5, 1);
let count = 0;
const ids = () => (++count).toString(36).padStart(25, '0');
const { id, value, hash } = makeToken(ids);
const stored = { Version: { Index: 1 }, CreatedAt: '', UpdatedAt: '' };
const ci: Token = { ...stored, ID: id, name: 'ci', role: 'operator', hash };

const asked = (shown: Shown, token: Token = ci) => authenticate(shown, new Map([[token.ID, token]]), now);

it('lets the socket and the loopback address rule', () => {
  expect(asked({ door: 'socket' })).toMatchObject({ role: 'admin', via: 'socket' });
  expect(asked({ door: 'plain' })).toMatchObject({ role: 'admin', via: 'loopback' });
});

it('asks for something to be shown over TLS, and of whoever came through no listener', () => {
  expect(asked({ door: 'tls' })).toMatchObject({ status: 401, why: /client certificate.*Bearer TOKEN/ });
  expect(asked({ door: undefined, authorization: `Bearer ${value}` })).toMatchObject({ status: 401 });
});

it.each(['tls', 'socket', 'plain'] as const)('takes a token at any door: %s', (door) => {
  expect(asked({ door, authorization: `Bearer ${value}` })).toEqual({
    name: 'ci',
    role: 'operator',
    via: 'token',
    tokenId: id,
  });
  expect(asked({ door, authorization: 'Bearer nonsense' })).toMatchObject({ status: 401 });
});

it('takes a token up to its end, and says when that was', () => {
  const bearer = { door: 'tls', authorization: `bearer  ${value}` } as const;
  expect(asked(bearer, { ...ci, expiresAt: now + 1 })).toMatchObject({ name: 'ci', until: now + 1 });
  expect(asked(bearer, { ...ci, expiresAt: now })).toEqual({
    status: 401,
    why: 'the token "ci" expired at 2026-06-01T00:00:00.000Z: ask an admin for another',
  });
});

it('takes nothing else for a token', () => {
  const secret = value.slice(-50);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.constantFrom(
          `shoal_${id}_`,
          `shoal_${id}_${hash}`,
          `shoal_${id}`,
          id,
          secret,
          `${value}0`,
          'shoal__',
        ),
        fc.nat(49).map((at) => {
          const other = value.at(-1 - at) === 'z' ? '0' : 'z';
          return `${value.slice(0, value.length - 1 - at)}${other}${value.slice(value.length - at)}`;
        }),
      ),
      (text) => {
        expect(asked({ door: 'tls', authorization: `Bearer ${text}` })).toMatchObject({ status: 401 });
        expect(asked({ door: 'tls', authorization: text })).toMatchObject({ status: 401 });
      },
    ),
  );
});

it('stores no part of what the holder shows but its id', () => {
  expect(JSON.stringify(ci)).not.toContain(value.slice(-50));
  expect(makeToken(ids).value).not.toBe(value);
});

const certificate = (units: string[], until = now + 1) => ({
  door: 'tls' as const,
  certificate: { name: 'ann', units, until },
});

it('takes the role from the unit of a certificate', () => {
  expect(asked(certificate(['shoal-viewer']))).toEqual({
    name: 'ann',
    role: 'viewer',
    via: 'certificate',
    until: now + 1,
  });
  expect(asked(certificate(['x', 'shoal-operator', 'shoal-viewer']))).toMatchObject({ role: 'operator' });
});

it.each([[[]], [['shoal-worker']], [['shoal-manager']], [['admin']], [['Shoal-admin']]])(
  'gives %j no role, hosts of the cluster included',
  (units) => {
    expect(asked(certificate(units))).toMatchObject({
      status: 403,
      why: /its OU must be shoal-viewer, shoal-operator or shoal-admin/,
    });
  },
);

it('takes no certificate that has ended, or is of another authority', () => {
  expect(asked(certificate(['shoal-admin'], now))).toMatchObject({ status: 401, why: /has expired/ });
  expect(asked(certificate(['shoal-admin'], Number.NaN))).toMatchObject({ status: 401 });
  expect(asked({ door: 'tls', certificate: { problem: 'SELF_SIGNED_CERT' } })).toMatchObject({
    status: 401,
    why: 'the client certificate is not accepted: SELF_SIGNED_CERT',
  });
});

it('does not go back to the certificate when a token is wrong', () => {
  expect(asked({ ...certificate(['shoal-admin']), authorization: 'Bearer x' })).toMatchObject({
    status: 401,
  });
});
