import { describe, expect, it } from 'vitest';
import { aNode, aService } from '../../testing.ts';
import { anApi, aSpec } from '../testing.ts';

const refused = (name: string, path = 'Labels') => ({
  status: 400,
  body: { message: expect.stringContaining(`${path}["${name}"]: `) },
});

describe('labels that begin with shoal. and mean nothing', () => {
  it('are refused when a service is created, on it and on its containers', async () => {
    const { call } = await anApi();
    const create = (spec: object) => call('POST', '/services/create', aSpec(spec));
    expect(await create({ Labels: { 'shoal.prioriti': '5' } })).toMatchObject({
      status: 400,
      body: {
        message:
          'Labels["shoal.prioriti"]: there is no such label; the nearest is shoal.priority, of a service',
      },
    });
    const ContainerSpec = { Image: 'web:1', Labels: { 'shoal.lb': 'random' } };
    expect(await create({ TaskTemplate: { ContainerSpec } })).toMatchObject(
      refused('shoal.lb', 'TaskTemplate.ContainerSpec.Labels'),
    );
    expect((await call('GET', '/services')).body).toEqual([]);
  });

  it('are refused when a service is updated, unless it has them already', async () => {
    const Spec = aSpec({ Labels: { 'shoal.old': '1' }, Mode: { Replicated: { Replicas: 1 } } });
    const { call } = await anApi((tx) => tx.services.create(aService('s1', { Spec })));
    const update = async (change: object) => {
      const { body } = await call('GET', '/services/s1');
      return call('POST', `/services/s1/update?version=${body.Version.Index}`, { ...Spec, ...change });
    };
    expect(await update({ Mode: { Replicated: { Replicas: 2 } } })).toMatchObject({ status: 200 });
    expect(await update({ Labels: { 'shoal.old': '2' } })).toMatchObject(refused('shoal.old'));
    expect(await update({ Labels: { 'shoal.old': '1', 'shoal.new': '' } })).toMatchObject(
      refused('shoal.new'),
    );
    expect(await update({ Labels: {} })).toMatchObject({ status: 200 });
    expect(await update({ Labels: { 'shoal.old': '1' } })).toMatchObject(refused('shoal.old'));
  });

  it('are refused on networks', async () => {
    const { call } = await anApi();
    const network = { Name: 'shop', Driver: 'overlay', Labels: { 'shoal.drain': '1s' } };
    expect(await call('POST', '/networks/create', network)).toMatchObject(refused('shoal.drain'));
  });

  it('are refused on nodes, unless they have them already', async () => {
    const spec = { Role: 'worker', Availability: 'active', Labels: { 'shoal.old': '1' } } as const;
    const { call } = await anApi((tx) => tx.nodes.create(aNode('n1', { Spec: spec })));
    const update = async (Labels: object) => {
      const { body } = await call('GET', '/nodes/n1');
      return call('POST', `/nodes/n1/update?version=${body.Version.Index}`, { ...spec, Labels });
    };
    expect(await update({ 'shoal.old': '1', zone: 'a' })).toMatchObject({ status: 200 });
    expect(await update({ 'shoal.priority': '1' })).toMatchObject(refused('shoal.priority'));
  });
});
