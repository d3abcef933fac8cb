import { expect, it } from 'vitest';
import type { ContainerSpec, Sealed } from '../../model/index.ts';
import { aPayload, aService, aTask } from '../../testing.ts';
import { anApi } from '../testing.ts';

const contents = [1, 2].map((version) => ({ version, at: '', data: '' as Sealed }));
const spec = (ContentVersion: number) => {
  const Secrets = [{ SecretID: 'k', SecretName: 'k', ContentVersion, File: { Name: 'a' } }];
  return { ContainerSpec: { Image: 'web:1', Secrets } satisfies ContainerSpec };
};

it('a service says which of its tasks have which content, and what the newest is', async () => {
  const { call } = await anApi((tx) => {
    tx.secrets.create(aPayload('k', contents));
    tx.services.create(aService('web', { Spec: { Name: 'web', TaskTemplate: spec(2) } }));
    const running = { State: 'running' } as const;
    tx.tasks.create(aTask('t1', { Slot: 1, Spec: spec(1), Status: running }));
    tx.tasks.create(aTask('t2', { Slot: 2, Spec: spec(2), Status: running }));
    tx.tasks.create(aTask('t3', { Slot: 3, Spec: spec(2), Status: running }));
    tx.tasks.create(aTask('t0', { Slot: 1, Spec: spec(1), Status: { State: 'failed' } }));
    tx.services.create(aService('plain'));
  });
  const file = { Kind: 'secret', Name: 'k', Newest: 2 };
  expect((await call('GET', '/services/web')).body.Files).toEqual([
    { ...file, ContentVersion: 1, Tasks: ['web.1.t1'] },
    { ...file, ContentVersion: 2, Tasks: ['web.2.t2', 'web.3.t3'] },
  ]);
  expect((await call('GET', '/services/plain')).body).not.toHaveProperty('Files');
});
