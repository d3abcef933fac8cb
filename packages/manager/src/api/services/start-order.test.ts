import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anApi, aSpec } from '../testing.ts';
import { circleFrom } from './start-order.ts';

const named = (Name: string, dependsOn?: string) =>
  aSpec({ Name, ...(dependsOn !== undefined && { Labels: { 'shoal.depends-on': dependsOn } }) });

it('services that would wait for each other for ever are refused, with the circle', async () => {
  const { call, store } = await anApi();
  const create = (...spec: Parameters<typeof named>) => call('POST', '/services/create', named(...spec));
  expect(await create('a', 'b:started')).toMatchObject({
    status: 201,
    body: { Warnings: ['Labels["shoal.depends-on"]: there is no service b yet; tasks wait for it'] },
  });
  expect((await create('b', 'c:healthy')).status).toBe(201);
  expect(await create('c', 'x:started,a:started')).toMatchObject({
    status: 400,
    body: {
      message:
        'Labels["shoal.depends-on"]: c waits for a, a waits for b, b waits for c: none of them would ever start',
    },
  });
  expect((await create('self', 'self:healthy')).body.message).toMatch(/self waits for self/);
  expect((await create('c')).status).toBe(201);
  const [c] = store.view.services.by('name', 'c');
  const path = `/services/${c?.ID}/update?version=${c?.Version.Index}`;
  expect((await call('POST', path, named('c', 'a:started'))).status).toBe(400);
});

it('what shares a network, or has to be beside others, waits for these too', async () => {
  const { call } = await anApi();
  const create = (Name: string, Labels: Record<string, string>) =>
    call('POST', '/services/create', aSpec({ Name, Labels }));
  expect((await create('app', { 'shoal.depends-on': 'proxy:healthy' })).status).toBe(201);
  expect(await create('proxy', { 'shoal.network': 'service:app' })).toMatchObject({
    status: 400,
    body: {
      message:
        'Labels["shoal.network"]: proxy waits for app, app waits for proxy: none of them would ever start',
    },
  });
  expect((await create('proxy', { 'shoal.affinity': 'app' })).body.message).toMatch(
    /^Labels\["shoal.affinity"\]: proxy waits for app/,
  );
});

it.each(['b', 'b:', ':started', 'b:ready', 'b:started,', 'b c:started'])('%s is refused', async (text) => {
  const { call } = await anApi();
  expect(await call('POST', '/services/create', named('a', text))).toMatchObject({
    status: 400,
    body: {
      message: `Labels["shoal.depends-on"]: must be a list of NAME:CONDITION such as db:healthy,migrate:completed, where CONDITION is started, healthy or completed, got "${text}"`,
    },
  });
});

it('where nobody depends on itself when it is added, nobody ever does', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.array(name, { maxLength: 3 })), { maxLength: 20 }), (changes) => {
      const graph = new Map<string, readonly string[]>();
      for (const [from, to] of changes) {
        const of = (one: string) => (one === from ? to : (graph.get(one) ?? []));
        const circle = circleFrom(from, of);
        if (circle)
          for (const [i, one] of circle.slice(1).entries()) expect(of(circle[i] ?? '')).toContain(one);
        else graph.set(from, to);
        for (const start of graph.keys()) expect(canReach(graph, start, start)).toBe(false);
      }
    }),
  );
});

function canReach(
  graph: ReadonlyMap<string, readonly string[]>,
  from: string,
  to: string,
  left = 6,
): boolean {
  if (left === 0) return false;
  return (graph.get(from) ?? []).some((next) => next === to || canReach(graph, next, to, left - 1));
}
