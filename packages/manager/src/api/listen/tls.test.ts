import { once } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApi, anApp } from '../testing.ts';
import { anAuthority } from './certificates.fixture.ts';
import { type Listening, listen } from './listen.ts';

const { store } = await anApi();
const app = await anApp(store);
const authority = await anAuthority('ours');
const other = await anAuthority('another');
const { ca } = authority;
const server = await authority.issue('manager', { usage: 'server' });
let port = 0;
let listening: Listening | undefined;
beforeAll(async () => {
  const tls = async () => ({ ...server, ca });
  listening = await listen(app.routing, ['tcp://127.0.0.1:0'], { tls });
  port = Number(URL.parse(listening.addresses[0] ?? '')?.port);
});
afterAll(async () => {
  await Promise.all([app.close(), listening?.close()]);
});

const ask = async (options: RequestOptions, method = 'GET', path = '/nodes', body?: object) => {
  const sent = request({ host: '127.0.0.1', port, ca, agent: new Agent(), method, path, ...options });
  if (body) sent.setHeader('Content-Type', 'application/json');
  sent.end(body && JSON.stringify(body));
  const [response] = await once(sent, 'response');
  const whole = await text(response);
  return {
    status: response.statusCode,
    headers: response.headers,
    body: whole ? JSON.parse(whole) : undefined,
  };
};
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

describe('TLS', () => {
  it('lets certificates of its authority in, by the role in them', async () => {
    const ann = await authority.issue('ann', { units: ['shoal-viewer'] });
    expect((await ask(ann)).status).toBe(200);
    expect(await ask(ann, 'GET', '/swarm')).toMatchObject({
      status: 403,
      body: { message: 'GET /swarm needs the role admin; certificate "ann" has the role viewer' },
    });
    const boss = await authority.issue('boss', { units: ['shoal-admin'] });
    expect((await ask(boss, 'GET', '/swarm')).status).toBe(200);
  });

  it.each([
    ['none', async () => ({}), 401, /authentication required/],
    ['of another authority', () => other.issue('ann', { units: ['shoal-admin'] }), 401, /not accepted/],
    [
      'that has ended',
      () => authority.issue('ann', { units: ['shoal-admin'], until: -1_000 }),
      401,
      /EXPIRED/,
    ],
    ['not valid yet', () => authority.issue('ann', { units: ['shoal-admin'], from: 60_000 }), 401, /NOT_YET/],
    ['of a server', () => authority.issue('x', { units: ['shoal-admin'], usage: 'server' }), 401, /PURPOSE/],
    [
      'of a host of the cluster',
      () => authority.issue('n1', { units: ['shoal-manager'] }),
      403,
      /gives no role/,
    ],
    ['without a unit', () => authority.issue('ann'), 403, /gives no role/],
  ] as const)('refuses a certificate: %s', async (_, shown, status, message) => {
    expect(await ask(await shown())).toMatchObject({
      status,
      body: { message: expect.stringMatching(message) },
    });
  });

  it('lets tokens in, and ends answers under way when they are revoked', async () => {
    const boss = await authority.issue('boss', { units: ['shoal-admin'] });
    const made = await ask(boss, 'POST', '/shoal/v1/tokens', { name: 'ci', role: 'viewer' });
    const shown = bearer(made.body.token);
    expect((await ask(shown)).status).toBe(200);
    expect((await ask(shown, 'POST', '/networks/prune')).status).toBe(403);
    const sent = request({ host: '127.0.0.1', port, ca, path: '/events', ...shown }).end();
    const [events] = await once(sent, 'response');
    expect(events.statusCode).toBe(200);
    const ended = once(events, 'error');
    events.resume();
    expect((await ask(boss, 'DELETE', '/shoal/v1/tokens/ci')).status).toBe(204);
    await ended;
    expect((await ask(shown)).status).toBe(401);
  });

  it('speaks 1.2 and 1.3, and nothing before', async () => {
    const version = (maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
      new Promise((resolve) => {
        const socket = connect({ port, host: '127.0.0.1', ca, maxVersion, minVersion: 'TLSv1' }, () => {
          resolve(socket.getProtocol());
          socket.destroy();
        }).once('error', () => resolve('refused'));
      });
    expect(await version('TLSv1.3')).toBe('TLSv1.3');
    expect(await version('TLSv1.2')).toBe('TLSv1.2');
    expect(await version('TLSv1.1')).toBe('refused');
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'resumes no session of %s: each certificate is verified',
    async (version) => {
      const ann = await authority.issue('ann', { units: ['shoal-viewer'] });
      const options = { port, host: '127.0.0.1', ca, ...ann, maxVersion: version };
      const agreed = async (session?: Buffer) => {
        const socket = connect({ ...options, ...(session && { session }) });
        await once(socket, 'secureConnect');
        socket.write('GET /nodes HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(socket, 'data');
        const reused = socket.isSessionReused();
        const next = socket.getSession();
        socket.destroy();
        return { reused, next };
      };
      const { next } = await agreed();
      expect((await agreed(next)).reused).toBe(false);
    },
  );

  it('answers nothing in the clear', async () => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await text(socket).catch(() => '')).toBe('');
  });

  it('lets each operator ask for few forecasts, which take the manager long, and viewers for none', async () => {
    const plan = async (name: string, role: string) => {
      const shown = await authority.issue(name, { units: [`shoal-${role}`] });
      return (await ask(shown, 'POST', '/shoal/v1/plan', { fault: 'drain', nodes: ['gone'] })).status;
    };
    expect(await plan('ann', 'viewer')).toBe(403);
    expect([await plan('bob', 'operator'), await plan('bob', 'operator')]).toEqual([404, 404]);
    expect(await plan('bob', 'operator')).toBe(429);
    expect(await plan('eve', 'operator')).toBe(404);
  });

  it('ends what is open when an authority counts no more, and not when one is added', async () => {
    let trusted = ca;
    const tls = async () => ({ ...server, ca: trusted });
    const own = await listen(app.routing, ['tcp://127.0.0.1:0'], { tls });
    const at = { port: Number(URL.parse(own.addresses[0] ?? '')?.port) };
    const ann = await authority.issue('ann', { units: ['shoal-viewer'] });
    const eve = await other.issue('eve', { units: ['shoal-viewer'] });
    const statusOf = async (who: object) => (await ask({ ...at, ...who })).status;
    const agent = new Agent({ keepAlive: true });
    const sent = request({ ...at, ca, ...ann, agent, host: '127.0.0.1', path: '/events' }).end();
    const [events] = await once(sent, 'response');
    events.resume();
    const ended = once(events, 'error');
    expect(await statusOf(eve)).toBe(401);
    trusted = `${other.ca}\n${ca}`;
    await expect.poll(() => statusOf(eve), { timeout: 10_000, interval: 300 }).toBe(200);
    expect(events.destroyed).toBe(false);
    // One that began while the former one counted.
    const early = connectTcp(at.port, '127.0.0.1');
    await once(early, 'connect');
    const closed = once(early, 'close');
    trusted = other.ca;
    await Promise.all([ended, closed]);
    expect([await statusOf({ ...ann, agent }), await statusOf(eve)]).toEqual([401, 200]);
    agent.destroy();
    await own.close();
  });

  it('keeps no connection for those who are unknown when half of them are taken', async () => {
    const connectionOf = async (who: object) => {
      const agent = new Agent({ keepAlive: true });
      const { headers } = await ask({ agent, ...who }, 'GET', '/openapi.json');
      agent.destroy();
      return headers.connection;
    };
    const ann = await authority.issue('ann', { units: ['shoal-viewer'] });
    expect(await connectionOf({})).toBe('keep-alive');
    const others = await Promise.all(
      Array.from({ length: 501 }, async (_, i) => {
        const socket = connectTcp({ port, host: '127.0.0.1', localAddress: `127.0.0.${2 + (i % 3)}` });
        await once(socket, 'connect');
        return socket;
      }),
    );
    expect(await connectionOf({})).toBe('close');
    expect(await connectionOf(ann)).not.toBe('close');
    for (const socket of others) socket.destroy();
  });

  it('slows an address down that shows nothing, and nobody who is known', async () => {
    const agent = new Agent({ keepAlive: true });
    const statuses = new Set<number | undefined>();
    for (let i = 0; i < 60; i++) statuses.add((await ask({ agent })).status);
    expect([...statuses]).toEqual([401, 429]);
    const slow = await ask({ agent });
    expect(slow).toMatchObject({
      headers: { 'retry-after': '1' },
      body: { message: expect.stringMatching(/too many requests/) },
    });
    const ann = await authority.issue('ann', { units: ['shoal-viewer'] });
    expect((await ask(ann)).status).toBe(200);
  });
});
