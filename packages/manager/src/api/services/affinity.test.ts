import { expect, it } from 'vitest';
import { aNode, aService } from '../../testing.ts';
import { anApi, aSpec } from '../testing.ts';

const named = (Name: string, Labels: Record<string, string>) =>
  aService(Name, { Spec: aSpec({ Name, Labels }) });

it.each<[Record<string, string>, string]>([
  [{ 'shoal.affinity': 'web' }, 'Labels["shoal.affinity"]: names the service itself; leave it out'],
  [{ 'shoal.anti-affinity': 'db,web:node.labels.zone' }, 'use --replicas-max-per-node, or a spread'],
  [{ 'shoal.affinity': 'a' }, 'Labels["shoal.affinity"]: web waits for a, a waits for b, b waits for web'],
  [
    { 'shoal.affinity': 'db', 'shoal.anti-affinity': 'db' },
    'Labels["shoal.anti-affinity"]: db is in shoal.affinity, too',
  ],
])('%j is refused, when a service is created and updated', async (Labels, text) => {
  const { call } = await anApi((tx) => {
    tx.services.create(named('a', { 'shoal.affinity': 'b:node.labels.zone' }));
    tx.services.create(named('b', { 'shoal.affinity': 'c,web' }));
  });
  const refusal = { status: 400, body: { message: expect.stringContaining(text) } };
  const spec = aSpec({ Name: 'web' });
  expect(await call('POST', '/services/create', { ...spec, Labels })).toMatchObject(refusal);
  await call('POST', '/services/create', spec);
  const { body } = await call('GET', '/services/web');
  const update = `/services/web/update?version=${body.Version.Index}`;
  expect(await call('POST', update, { ...spec, Labels })).toMatchObject(refusal);
});

it('a service may keep off one beside which it is by a label, and name one that comes later', async () => {
  const { call } = await anApi();
  const Labels = { 'shoal.affinity': 'db:node.labels.zone', 'shoal.anti-affinity': 'db:node.labels.rack' };
  expect(await call('POST', '/services/create', aSpec({ Name: 'web', Labels }))).toMatchObject({
    status: 201,
    body: { Warnings: ['Labels["shoal.affinity"]: there is no service db yet; tasks wait for it'] },
  });
});

it('what a node allows is on or off', async () => {
  const { call } = await anApi((tx) => tx.nodes.create(aNode('n1')));
  const { body } = await call('GET', '/nodes/n1');
  const update = (value: string) =>
    call('POST', `/nodes/n1/update?version=${body.Version.Index}`, {
      ...body.Spec,
      Role: 'worker',
      Labels: { 'shoal.allow-privileged': value },
    });
  expect(await update('true')).toMatchObject({
    status: 400,
    body: { message: 'Labels["shoal.allow-privileged"]: must be on or off, got "true"' },
  });
  expect((await update('on')).status).toBe(200);
});
