import { createPrivateKey, X509Certificate } from 'node:crypto';
import { text } from 'node:stream/consumers';
import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { anApi, anApp, aSpec, audit, testClock } from '../testing.ts';
import { guard } from './guard.ts';
import { routeRoles } from './roles.ts';

describe('the table of roles', () => {
  const listed = Object.values(routeRoles).flat();

  it('names no route twice, and none that is not served', async () => {
    expect(new Set(listed).size).toBe(listed.length);
    const app = await anApp((await anApi()).store);
    const isServed = (route: string) => {
      const [method = '', url = ''] = route.split(' ');
      return app.hasRoute({ method: method as 'GET', url });
    };
    expect(listed.filter((route) => !isServed(route))).toEqual([]);
    await app.close();
  });

  it('is asked for every route: one that it does not name can not be made', async () => {
    const { store } = await anApi();
    const app = fastify({ exposeHeadRoutes: false });
    guard(app, { store, clock: testClock, timeOfDay: testClock });
    app.get('/nodes', async () => 'fine');
    expect(() => app.get('/forgotten', async () => 'open to all')).toThrow(
      'api/access/roles.ts does not say who may GET /forgotten',
    );
    expect(() => app.route({ method: ['GET', 'POST'], url: '/nodes/:id', handler: async () => '' })).toThrow(
      'who may POST /nodes/:id',
    );
  });

  it('leaves nothing that changes anything to viewers, and nothing with a token to anybody but admins', () => {
    const changing = (routes: readonly string[]) => routes.filter((each) => !/^(GET|HEAD) /.test(each));
    expect(changing([...routeRoles.anyone, ...routeRoles.viewer])).toEqual([]);
    const others = [...routeRoles.anyone, ...routeRoles.viewer, ...routeRoles.operator];
    expect(others.filter((each) => /swarm|token/.test(each))).toEqual([]);
  });
});

/** A path that a route takes. */
const pathOf = (route: string) => route.replace(':id', 'x').replace('*', 'x/json');

describe('a token', () => {
  const make = async (role: string, more = {}) => {
    const api = await anApi();
    const made = await api.call('POST', '/shoal/v1/tokens', { name: 'ci', role, ...more });
    expect(made.status).toBe(201);
    const as = (method: 'GET' | 'POST' | 'DELETE' | 'HEAD', path: string) =>
      api.call(method, path, undefined, { authorization: `Bearer ${made.body.token}` });
    return { ...api, as, made };
  };
  const split = (route: string) => route.split(' ') as ['GET' | 'POST' | 'DELETE' | 'HEAD', string];

  it.each(['viewer', 'operator', 'admin'] as const)(
    'of role %s opens what its role and those below may',
    async (role) => {
      const { as } = await make(role);
      const order = ['anyone', 'viewer', 'operator', 'admin'] as const;
      for (const needed of order) {
        for (const route of routeRoles[needed]) {
          // The stream never ends, and the last would end the token itself.
          if (route === 'GET /events') continue;
          const [method, path] = split(route);
          const { status, body } = await as(method, pathOf(path));
          if (order.indexOf(needed) <= order.indexOf(role)) expect([route, status]).not.toEqual([route, 403]);
          else
            expect([status, body.message]).toEqual([
              403,
              `${route} needs the role ${needed}; token "ci" has the role ${role}`,
            ]);
        }
      }
    },
  );

  it('is shown once, and stored as a hash', async () => {
    const { call, store, made } = await make('viewer', { expiresInMs: 3_600_000 });
    expect(made.headers['cache-control']).toBe('no-store');
    expect(made.body).toEqual({
      id: expect.stringMatching(/^id/),
      name: 'ci',
      role: 'viewer',
      createdAt: '2026-01-01T00:00:00.000Z',
      expiresAt: '2026-01-01T01:00:00.000Z',
      expired: false,
      token: expect.stringMatching(/^shoal_\w{25}_\w{50}$/),
    });
    const { token: value, ...shown } = made.body;
    const listed = await call('GET', '/shoal/v1/tokens');
    expect(listed.body).toEqual([shown]);
    const secret = value.slice(-50);
    expect(listed.text + JSON.stringify([...store.view.tokens.all()])).not.toContain(secret);
  });

  it('is revoked by name or id, and shuts out at once', async () => {
    const { call, as, made } = await make('viewer');
    expect((await as('GET', '/nodes')).status).toBe(200);
    expect((await call('DELETE', '/shoal/v1/tokens/ci')).status).toBe(204);
    expect(await as('GET', '/nodes')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="shoal"' },
      body: { message: 'this token is unknown, or was revoked: ask an admin for another' },
    });
    expect((await call('DELETE', `/shoal/v1/tokens/${made.body.id}`)).status).toBe(404);
  });

  it('ends by the time of day, also where the clock was set meanwhile', async () => {
    const { store } = await anApi();
    let now = testClock() + 3_600_000;
    const app = await anApp(store, undefined, undefined, undefined, () => now);
    const payload = { name: 'ci', role: 'viewer', expiresInMs: 1_000 };
    const made = (await app.inject({ method: 'POST', url: '/shoal/v1/tokens', payload })).json();
    expect(made).toMatchObject({ expiresAt: '2026-01-01T01:00:01.000Z', expired: false });
    const headers = { authorization: `Bearer ${made.token}` };
    expect((await app.inject({ url: '/nodes', headers })).statusCode).toBe(200);
    const events = await app.inject({ url: '/events', headers, payloadAsStream: true });
    now += 1_000;
    await expect(text(events.stream())).rejects.toThrow();
    expect((await app.inject({ url: '/nodes', headers })).statusCode).toBe(401);
    expect((await app.inject('/shoal/v1/tokens')).json()).toMatchObject([{ expired: true }]);
    const [{ at }] = (await app.inject('/shoal/v1/audit?tail=1')).json();
    expect(at).toBe('2026-01-01T01:00:00.000Z');
    await app.close();
  });

  it('says nothing of what there is to those who are unknown', async () => {
    const { call } = await anApi();
    const headers = { authorization: 'Bearer nonsense' };
    for (const path of ['/nope', '/containers/web/json', '/secrets', '/version', '/services/create'])
      expect((await call('GET', path, undefined, headers)).status).toBe(401);
    expect((await call('GET', '/_ping', undefined, headers)).status).toBe(200);
    expect((await call('GET', '/nope')).status).toBe(404);
  });

  it.each([
    [{ name: 'ci', role: 'root' }, 400, /^role: must be one of viewer, operator, admin/],
    [{ name: '', role: 'viewer' }, 400, /^name: /],
    [{ name: 'a b', role: 'viewer' }, 400, /^name: /],
    [{ name: 'ci', role: 'viewer', expiresInMs: 0 }, 400, /^expiresInMs: /],
    [{ name: 'ci', role: 'viewer', expiresInMs: 1e15 }, 400, /^expiresInMs: /],
    [{ name: 'ci' }, 400, /role/],
  ])('is refused: %j', async (body, status, message) => {
    const { call } = await anApi();
    expect(await call('POST', '/shoal/v1/tokens', body)).toMatchObject({
      status,
      body: { message: expect.stringMatching(message) },
    });
  });

  it('has a name that no other one has', async () => {
    const { call } = await make('viewer');
    expect(await call('POST', '/shoal/v1/tokens', { name: 'ci', role: 'admin' })).toMatchObject({
      status: 409,
    });
  });
});

describe("a user's certificate", () => {
  it('is made with its key, which is kept nowhere', async () => {
    const { call, store } = await anApi();
    const made = await call('POST', '/shoal/v1/certificates', { name: 'ann', role: 'viewer' });
    expect(made).toMatchObject({
      status: 201,
      headers: { 'cache-control': 'no-store' },
      body: { name: 'ann', role: 'viewer', expiresAt: '2026-04-01T00:00:00.000Z' },
    });
    const { cert, key, ca } = made.body;
    const shown = new X509Certificate(cert);
    expect(shown.checkIssued(new X509Certificate(ca))).toBe(true);
    expect(shown.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(JSON.stringify([...store.view.clusters.all()])).not.toContain(key.split('\n')[1]);
  });

  it.each([
    [{ name: 'ann', role: 'manager' }, /^role: /],
    [{ name: 'ann\nOU=shoal-admin', role: 'viewer' }, /^name: /],
    [{ name: 'ann', role: 'viewer', expiresInMs: 366 * 24 * 3_600_000 }, /^expiresInMs: /],
  ])('is refused: %j', async (body, message) => {
    const { call } = await anApi();
    expect(await call('POST', '/shoal/v1/certificates', body)).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(message) },
    });
  });
});

describe('the audit', () => {
  it('has who changed what from where, what came of it, and what somebody known was refused', async () => {
    const { call } = await anApi();
    const { body } = await call('POST', '/shoal/v1/tokens', { name: 'ci', role: 'viewer' });
    const as = { authorization: `Bearer ${body.token}` };
    await call('GET', '/nodes', undefined, as);
    await call('POST', '/services/create?secret=planted', aSpec({ Name: 'shop' }), as);
    await call('POST', '/services/create', aSpec({ Name: 'shop' }));
    await call('POST', '/services/create', aSpec({ Name: 'shop' }));
    await call('POST', '/shoal/v1/plan', { fault: 'drain', nodes: ['n1'] });
    await call('GET', '/swarm');
    await call('GET', '/swarm', undefined, { authorization: 'Bearer nobody' });
    const shown = await call('GET', '/shoal/v1/audit?tail=5');
    const told = shown.body.map((each: Record<string, unknown>) => [
      each.user,
      each.status,
      `${each.method} ${each.path} ${each.name ?? ''}`.trim(),
    ]);
    expect(told).toEqual([
      ['the unix socket', 201, 'POST /shoal/v1/tokens ci'],
      ['ci', 403, 'POST /services/create'],
      ['the unix socket', 201, 'POST /services/create shop'],
      ['the unix socket', 409, 'POST /services/create shop'],
      ['the unix socket', 200, 'GET /swarm'],
    ]);
    expect(shown.text).not.toContain('planted');
    expect((await call('GET', '/shoal/v1/audit/verify')).body).toMatchObject({ ok: true, flaws: [] });
    expect((await call('GET', '/shoal/v1/audit?tail=0')).status).toBe(400);
  });

  it('must be written, or nothing is changed until it can be again', async () => {
    const { store } = await anApi();
    let full = true;
    const app = await anApp(store, undefined, undefined, {
      ...audit,
      append: async (entry) => {
        if (full) throw new Error('ENOSPC: no space left on device');
        await audit.append(entry);
      },
    });
    const prune = async () => (await app.inject({ method: 'POST', url: '/networks/prune' })).json();
    // The first was done before anybody could know.
    expect(await prune()).toEqual({ NetworksDeleted: null });
    expect(await prune()).toEqual({
      message: 'nothing may be changed while the audit can not be written: ENOSPC: no space left on device',
    });
    expect((await app.inject('/nodes')).statusCode).toBe(200);
    full = false;
    await prune();
    expect(await prune()).toEqual({ NetworksDeleted: null });
    await app.close();
  });
});

it.each([
  ['https://evil.example', 403],
  ['null', 403],
  ['http://localhost:2475', 200],
])('a web page of %s gets %d', async (origin, status) => {
  const { call } = await anApi();
  const answer = await call('POST', '/networks/prune', undefined, { origin, host: 'localhost:2475' });
  expect(answer.status).toBe(status);
});
