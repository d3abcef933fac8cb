import { describe, expect, it } from 'vitest';
import { purposes, type Sealed } from '../../model/index.ts';
import { aNode, aService, aTask } from '../../testing.ts';
import { anApi, aSpec, vault } from '../testing.ts';

const opened = (sealed: Sealed | undefined, id = 's1') =>
  sealed && vault.unseal(purposes.registryAuth(id), sealed);
const running = { Timestamp: '', State: 'running' } as const;

describe('create', () => {
  it('stores the spec as it was sent and answers with the id', async () => {
    const { call, store } = await anApi();
    const spec = aSpec({ Labels: { a: '' }, Mode: { Replicated: { Replicas: 0 } } });
    const { status, body } = await call('POST', '/services/create', spec, { 'x-registry-auth': 'e30=' });
    expect([status, body]).toEqual([201, { ID: expect.stringMatching(/^id\d+$/), Warnings: null }]);
    const stored = store.view.services.get(body.ID);
    expect(stored).toMatchObject({ Spec: spec, shoal: { specVersion: 1 } });
    expect(opened(stored?.shoal.registryAuth, body.ID)).toBe('e30=');
  });

  it('shows what clients rely on although it was not sent, and nothing of its own', async () => {
    const { call } = await anApi();
    await call('POST', '/services/create', aSpec(), { 'x-registry-auth': 'e30=' });
    const { body } = await call('GET', '/services/web');
    expect(body.Spec).toEqual({
      Name: 'web',
      Labels: {},
      TaskTemplate: { ContainerSpec: { Image: 'web:1' }, ForceUpdate: 0, Runtime: 'container' },
      Mode: { Replicated: { Replicas: 1 } },
    });
    expect(body.Endpoint).toEqual({ Spec: {} });
    expect(JSON.stringify(body)).not.toMatch(/shoal|e30=/);
  });

  it('gives a name to a service without one', async () => {
    const { call } = await anApi();
    const spec = { TaskTemplate: { ContainerSpec: { Image: 'web' } } };
    const { body } = await call('POST', '/services/create', spec);
    expect((await call('GET', `/services/${body.ID}`)).body.Spec.Name).toMatch(/^[a-z]+_[a-z]+$/);
  });

  it('refuses a name in use', async () => {
    const { call, store } = await anApi((tx) => tx.services.create(aService('s1', { Spec: aSpec() })));
    expect(await call('POST', '/services/create', aSpec())).toMatchObject({
      status: 409,
      body: {
        message:
          'rpc error: code = AlreadyExists desc = name conflicts with an existing object: service web already exists',
      },
    });
    expect(store.view.services.size).toBe(1);
  });

  it('lets services share a host port: the scheduler keeps their tasks apart', async () => {
    const { call } = await anApi();
    const EndpointSpec = { Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' as const }] };
    for (const Name of ['a', 'b']) {
      expect((await call('POST', '/services/create', aSpec({ Name, EndpointSpec }))).status).toBe(201);
    }
    const { body } = await call('GET', '/services/a');
    const Ports = [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' }];
    expect(body.Endpoint).toEqual({ Spec: { Mode: 'vip', Ports }, Ports });
  });
});

describe('remove', () => {
  it('hides the service at once and leaves its name free', async () => {
    const { call, store } = await anApi((tx) => tx.services.create(aService('s1', { Spec: aSpec() })));
    expect(await call('DELETE', '/services/web')).toMatchObject({ status: 200, text: '' });
    expect(store.view.services.get('s1')?.shoal.removing).toBe(true);
    expect((await call('GET', '/services')).body).toEqual([]);
    expect((await call('GET', '/services/s1')).status).toBe(404);
    expect((await call('DELETE', '/services/s1')).status).toBe(404);
    expect((await call('POST', '/services/create', aSpec())).status).toBe(201);
  });
});

describe('update', () => {
  const seeded = async (change = {}) => {
    const api = await anApi((tx) => {
      tx.services.create(aService('s1', { Spec: aSpec(), ...change }));
      tx.tasks.create(aTask('t1', { ServiceID: 's1', Status: running }));
    });
    const service = () => {
      const found = api.store.view.services.get('s1');
      if (!found) throw new Error('gone');
      return found;
    };
    const update = (spec: object, query = '', headers = {}) =>
      api.call(
        'POST',
        `/services/web/update?version=${service().Version.Index}${query}`,
        { ...aSpec(), ...spec },
        headers,
      );
    return { ...api, service, update };
  };
  const stale = {
    status: 500,
    body: { message: 'rpc error: code = Unknown desc = update out of sequence' },
  };
  /** One that came through the API, as users' do. */
  const created = async () => {
    const { call, store } = await anApi();
    await call('POST', '/services/create', aSpec());
    const present = () => {
      const [service] = store.view.services.by('name', 'web').filter(({ shoal }) => !shoal.removing);
      if (!service) throw new Error('gone');
      return service;
    };
    const changeStatus = () =>
      store.update((tx) => void tx.services.update({ ...present(), UpdateStatus: { State: 'paused' } }));
    return { call, present, changeStatus };
  };
  const newTemplate = { TaskTemplate: { ContainerSpec: { Image: 'web:2' } } };

  it('keeps the spec before, and begins to replace tasks when they differ', async () => {
    const { update, service } = await seeded();
    expect(await update(newTemplate)).toMatchObject({ status: 200, body: { Warnings: null } });
    expect(service()).toMatchObject({
      Spec: newTemplate,
      PreviousSpec: aSpec(),
      UpdateStatus: { State: 'updating', StartedAt: expect.any(String), Message: 'update in progress' },
      shoal: { specVersion: 2, previousSpecVersion: 1 },
    });
  });

  it('begins to replace no task that can have the new spec as it is', async () => {
    const { update, service, store } = await seeded();
    const { ContainerSpec } = aSpec().TaskTemplate ?? {};
    await update({ TaskTemplate: { ContainerSpec, RestartPolicy: { Condition: 'any', Delay: 5e9 } } });
    expect(service().shoal.specVersion).toBe(1);
    await update({ TaskTemplate: { ContainerSpec, RestartPolicy: { Condition: 'none' } } });
    expect(service().shoal.specVersion).toBe(2);
    expect(service()).not.toHaveProperty('UpdateStatus');

    await store.update((tx) => {
      tx.nodes.create(aNode('n1'));
      const task = tx.tasks.get('t1');
      if (task) tx.tasks.update({ ...task, NodeID: 'n1' });
    });
    const on = (label: string) => ({ ContainerSpec, Placement: { Constraints: [`node.labels.${label}`] } });
    await update({ TaskTemplate: on('disk!=ssd') });
    expect(service()).not.toHaveProperty('UpdateStatus');
    await update({ TaskTemplate: on('disk==ssd') });
    expect(service().UpdateStatus?.State).toBe('updating');
  });

  it('replaces nothing when only the number of tasks changes, and forgets an update that is over', async () => {
    const { update, service } = await seeded({ UpdateStatus: { State: 'completed' } });
    await update({ Mode: { Replicated: { Replicas: 3 } } });
    expect(service().shoal).toMatchObject({ specVersion: 1, previousSpecVersion: 1 });
    expect(service()).not.toHaveProperty('UpdateStatus');
  });

  it('is refused to who saw another spec, not to who saw another status', async () => {
    const { call, present, changeStatus } = await created();
    const seen = present().Version.Index;
    await changeStatus();
    expect(await call('POST', `/services/web/update?version=${seen - 1}`, aSpec())).toMatchObject(stale);
    expect(await call('POST', `/services/web/update?version=${seen}`, aSpec())).toMatchObject({
      status: 200,
    });
    expect(await call('POST', `/services/web/update?version=${seen}`, aSpec())).toMatchObject(stale);
    const { Index } = present().Version;
    expect(await call('POST', `/services/web/update?version=${Index + 1}`, aSpec())).toMatchObject(stale);
    expect(await call('POST', `/services/web/update?version=${Index}`, aSpec())).toMatchObject({
      status: 200,
    });
  });

  it('is refused to who saw the removed service of the same name', async () => {
    const { call, present, changeStatus } = await created();
    await changeStatus();
    const seen = present().Version.Index;
    await call('DELETE', '/services/web');
    await call('POST', '/services/create', aSpec({ Labels: { by: 'someone else' } }));
    expect(await call('POST', `/services/web/update?version=${seen}`, aSpec())).toMatchObject(stale);
    expect(present().Spec.Labels).toEqual({ by: 'someone else' });
  });

  it('needs the present version where nobody wrote down since when the spec is there', async () => {
    const { call, service, store } = await seeded();
    await store.update((tx) => void tx.services.update({ ...service(), UpdateStatus: { State: 'paused' } }));
    const { Index } = service().Version;
    expect(await call('POST', `/services/web/update?version=${Index - 1}`, aSpec())).toMatchObject(stale);
    expect(await call('POST', `/services/web/update?version=${Index}`, aSpec())).toMatchObject({
      status: 200,
    });
  });

  it('goes on with an update that has not reached all tasks', async () => {
    const { update, service } = await seeded({
      Spec: aSpec(newTemplate),
      UpdateStatus: { State: 'paused' },
      shoal: { specVersion: 2, previousSpecVersion: 1 },
    });
    await update({ ...newTemplate, Mode: { Replicated: { Replicas: 3 } } });
    expect(service().UpdateStatus?.State).toBe('updating');
  });

  it('goes back to the previous spec and its version, so that its tasks are up to date again', async () => {
    const { update, service } = await seeded();
    await update(newTemplate, '', { 'x-registry-auth': 'bmV3' });
    await update(newTemplate, '&rollback=previous');
    expect(service()).toMatchObject({
      Spec: aSpec(),
      PreviousSpec: newTemplate,
      UpdateStatus: { State: 'rollback_started', Message: 'manually requested rollback' },
      shoal: { specVersion: 1, previousSpecVersion: 2 },
    });
    expect(opened(service().shoal.previousRegistryAuth)).toBe('bmV3');
    expect(service().shoal).not.toHaveProperty('registryAuth');
  });

  it('never gives a version twice, even when only tasks remember it', async () => {
    const { update, service, store } = await seeded();
    await store.update((tx) =>
      tx.tasks.create(aTask('t2', { ServiceID: 's1', shoal: { specVersion: 7, ports: [] } })),
    );
    await update(newTemplate);
    expect(service().shoal.specVersion).toBe(8);
  });

  it('keeps credentials unless new ones come', async () => {
    const { update, service } = await seeded();
    const [present, previous] = [
      () => opened(service().shoal.registryAuth),
      () => opened(service().shoal.previousRegistryAuth),
    ];
    await update({}, '', { 'x-registry-auth': 'b25l' });
    await update({}, '', { 'x-registry-auth': 'dHdv' });
    expect([present(), previous()]).toEqual(['dHdv', 'b25l']);
    await update({}, '&registryAuthFrom=previous-spec');
    expect(present()).toBe('b25l');
    await update({}, '&registryAuthFrom=spec');
    expect(present()).toBe('b25l');
    expect(JSON.stringify(service())).not.toMatch(/b25l|dHdv/);
  });

  it('does not mind dockerode, which sends the query in the body as well', async () => {
    const { call } = await seeded();
    const body = { ...aSpec(), version: 1 };
    expect((await call('POST', '/services/web/update?version=2', body)).body.message).toMatch(
      /^version: unknown/,
    );
    expect((await call('POST', '/services/web/update?version=1', body)).status).toBe(200);
  });

  it.each([
    [
      'version=1&v',
      { Name: 'web2' },
      501,
      'rpc error: code = Unimplemented desc = renaming services is not supported',
    ],
    [
      'version=1&v',
      { Mode: { Global: {} } },
      501,
      'rpc error: code = Unimplemented desc = service mode change is not allowed',
    ],
    ['version=99', {}, 500, 'rpc error: code = Unknown desc = update out of sequence'],
    ['', {}, 400, `invalid service version '': strconv.ParseUint: parsing "": invalid syntax`],
    ['version=-1', {}, 400, `invalid service version '-1': strconv.ParseUint: parsing "-1": invalid syntax`],
    [
      'version=99999999999999999999',
      {},
      400,
      `invalid service version '99999999999999999999': strconv.ParseUint: parsing "99999999999999999999": value out of range`,
    ],
    [
      'version=1&rollback=previous',
      {},
      400,
      'rpc error: code = FailedPrecondition desc = service s1 does not have a previous spec',
    ],
    ['version=1&rollback=foo', {}, 400, 'unrecognized rollback option foo'],
    ['version=1&registryAuthFrom=foo', {}, 400, "invalid registryAuthFrom 'foo'"],
    [
      'version=1&registryAuthFrom=previous-spec',
      {},
      400,
      'registryAuthFrom: service does not have a previous spec',
    ],
    ['version=1', { Networks: [{ Target: 'n' }] }, 404, 'network n not found'],
  ])('is refused and changes nothing: %s %j', async (query, spec, status, message) => {
    const { call, service } = await seeded();
    const before = service();
    const answer = await call('POST', `/services/web/update?${query}`, { ...aSpec(), ...spec });
    expect(answer).toMatchObject({ status, body: { message } });
    expect(service()).toBe(before);
  });

  it('of a service that is not there is refused', async () => {
    const { call } = await seeded();
    expect(await call('POST', '/services/x/update?version=1', aSpec())).toMatchObject({ status: 404 });
  });
});
