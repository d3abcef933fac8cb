import { describe, expect, it } from 'vitest';
import { type ContainerSpec, payloadKinds, purposes, type Service, sealingIn } from '../../model/index.ts';
import type { Tx } from '../../store/index.ts';
import { aTask } from '../../testing.ts';
import { anApi, aSpec, filters, vault } from '../testing.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const spec = (Name: string, text = 'planted', more = {}) => ({ Name, Data: base64(text), ...more });
const update = (name: string, version: unknown, body: unknown, kind = 'secret') =>
  ['POST', `/${kind}s/${name}/update?version=${version}`, body] as const;

/** An API with a secret `key` and a config `conf`, and the service `web` that has both as files. */
async function withService(
  more: { spec?: object; conf?: string; Templating?: object; container?: ContainerSpec } = {},
) {
  const api = await anApi();
  const make = async (kind: string, body: object): Promise<string> => {
    const { status, body: made } = await api.call('POST', `/${kind}s/create`, body);
    expect([status, made.message]).toEqual([201, undefined]);
    return made.ID;
  };
  const secret = await make('secret', spec('key'));
  const { Templating, conf = 'a=1' } = more;
  const config = await make('config', spec('conf', conf, { ...(Templating && { Templating }) }));
  const File = { UID: '0', GID: '0', Mode: 0o444 };
  const ContainerSpec: ContainerSpec = {
    Image: 'web:1',
    Secrets: [{ SecretID: secret, SecretName: 'key', File: { ...File, Name: 'key' } }],
    Configs: [{ ConfigID: config, ConfigName: 'conf', File: { ...File, Name: '/etc/conf' } }],
    ...more.container,
  };
  const service = aSpec({ TaskTemplate: { ContainerSpec }, ...more.spec });
  const created = await api.call('POST', '/services/create', service);
  const web = (): Service | undefined => api.store.view.services.by('name', 'web')[0];
  const versions = (which: 'Spec' | 'PreviousSpec' = 'Spec') => {
    const { Secrets, Configs } = web()?.[which]?.TaskTemplate?.ContainerSpec ?? {};
    return [Secrets?.[0]?.ContentVersion, Configs?.[0]?.ContentVersion];
  };
  const replace = (kind: string, name: string, text: string) =>
    api.call('POST', `/shoal/v1/${kind}s/${name}/content`, { Data: base64(text) });
  return { ...api, service, created, web, versions, replace };
}

describe.each(payloadKinds)('a %s', (kind) => {
  it('is created, listed, inspected, labelled and removed as Docker does it', async () => {
    const { call, store } = await anApi();
    const created = await call(
      'POST',
      `/${kind}s/create`,
      spec('key', 'planted', { Labels: { team: 'blue' } }),
    );
    expect(created).toMatchObject({ status: 201, body: { ID: expect.stringMatching(/^\w{25}$/) } });
    const { ID } = created.body;
    const shown = {
      ID,
      Version: { Index: expect.any(Number) },
      CreatedAt: expect.any(String),
      UpdatedAt: expect.any(String),
      Spec: { Name: 'key', Labels: { team: 'blue' }, ...(kind === 'config' && { Data: base64('planted') }) },
      ContentVersion: 1,
    };
    expect((await call('GET', `/${kind}s`)).body).toEqual([shown]);
    for (const given of ['key', ID, ID.slice(0, 24)])
      expect((await call('GET', `/${kind}s/${given}`)).body).toEqual(shown);
    expect(JSON.stringify([...store.view[`${kind}s`].all()])).not.toContain(base64('planted'));
    const { Index } = (await call('GET', `/${kind}s/key`)).body.Version;
    const labels = spec('key', 'planted', { Labels: { team: 'red' } });
    expect(await call(...update('key', Index - 1, labels, kind))).toMatchObject({
      status: 500,
      body: { message: 'rpc error: code = Unknown desc = update out of sequence' },
    });
    expect((await call(...update('key', Index, labels, kind))).status).toBe(200);
    expect((await call('GET', `/${kind}s/key`)).body.Spec.Labels).toEqual({ team: 'red' });
    expect(await call('DELETE', `/${kind}s/key`)).toMatchObject({ status: 204, text: '' });
    expect(await call('GET', `/${kind}s/key`)).toMatchObject({
      status: 404,
      body: { message: `${kind} key not found` },
    });
  });

  it.each<[object, number, string]>([
    [{ Name: '', Data: 'YQ==' }, 400, 'name must be provided'],
    [spec('-a'), 400, 'invalid name, only 64 [a-zA-Z0-9-_.] characters allowed'],
    [spec('a'.repeat(65)), 400, 'invalid name'],
    [spec('a', ''), 400, 'data must be larger than 0 and less than'],
    [spec('a', 'x'.repeat(1000 * 1024)), 400, 'data must be larger than 0 and less than'],
    [{ Name: 'a', Data: 'planted!' }, 400, 'Data: must be base64'],
    [spec('a', 'x', { Templating: { Name: 'jinja' } }), 400, 'Templating.Name: "jinja" is not known'],
    [spec('a', '{{range .x}}', { Templating: { Name: 'golang' } }), 400, 'Data: is no template: '],
    [spec('a', 'x', { Labels: { 'shoal.nope': '1' } }), 400, 'Labels["shoal.nope"]: there is no such label'],
    [spec('a', 'x', { Nonsense: 1 }), 400, 'Nonsense: unknown field'],
    [spec('taken'), 409, `${kind} taken already exists`],
  ])('is refused where Docker refuses it: %j', async (body, status, message) => {
    const { call } = await anApi();
    await call('POST', `/${kind}s/create`, spec('taken'));
    const answer = await call('POST', `/${kind}s/create`, body);
    expect(answer).toMatchObject({ status, body: { message: expect.stringContaining(message) } });
    expect(answer.text).not.toContain('planted');
  });

  it('may be as large as Docker takes it', async () => {
    const { call } = await anApi();
    const most = kind === 'secret' ? 500 * 1024 - 1 : 1000 * 1024 - 1;
    expect((await call('POST', `/${kind}s/create`, spec('a', 'x'.repeat(most)))).status).toBe(201);
  });

  it('is found by whole and by the beginning of names and ids, and by all labels', async () => {
    const { call } = await anApi();
    for (const name of ['db', 'db-2', 'web'])
      await call('POST', `/${kind}s/create`, spec(name, 'x', { Labels: { name, of: 'test' } }));
    const names = async (wanted: Record<string, string[]>) =>
      (await call('GET', `/${kind}s?${filters(wanted)}`)).body.map(
        ({ Spec }: { Spec: { Name: string } }) => Spec.Name,
      );
    expect(await names({ names: ['db', 'web'] })).toEqual(['db', 'web']);
    expect(await names({ name: ['db'] })).toEqual(['db', 'db-2']);
    expect(await names({ name: ['w'], names: ['db'] })).toEqual(['db', 'web']);
    expect(await names({ label: ['name=web', 'of'] })).toEqual(['web']);
    expect(await names({ id: ['nothing'] })).toEqual([]);
    expect((await call('GET', `/${kind}s?${filters({ nonsense: ['1'] })}`)).status).toBe(400);
  });

  it('keeps its name and what it holds, whatever an update says', async () => {
    const { call } = await anApi();
    await call('POST', `/${kind}s/create`, spec('key'));
    const { Index } = (await call('GET', `/${kind}s/key`)).body.Version;
    for (const body of [
      spec('key', 'other'),
      spec('other'),
      spec('key', 'planted', { Templating: { Name: 'golang' } }),
    ])
      expect(await call(...update('key', Index, body, kind))).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining('only updates to Labels are allowed') },
      });
  });
});

it('secrets of a plugin are refused', async () => {
  const { call } = await anApi();
  expect(await call('POST', '/secrets/create', { Name: 'a', Driver: { Name: 'vault' } })).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining('Driver: secrets that a plugin has are not served') },
  });
});

describe('a service with secrets and configs', () => {
  it('names them by what they hold now', async () => {
    const { created, versions, call } = await withService();
    expect(created.status).toBe(201);
    expect(versions()).toEqual([1, 1]);
    const { Spec } = (await call('GET', '/services/web')).body;
    expect(Spec.TaskTemplate.ContainerSpec.Secrets[0]).toMatchObject({
      SecretName: 'key',
      ContentVersion: 1,
    });
  });

  it("is refused where one is not there, in Docker's words", async () => {
    const { call, service } = await withService();
    const { Secrets, Configs } = service.TaskTemplate?.ContainerSpec ?? {};
    const other = (Name: string, change: ContainerSpec) =>
      call(
        'POST',
        '/services/create',
        aSpec({ Name, TaskTemplate: { ContainerSpec: { Image: 'web:1', ...change } } }),
      );
    const lost = { ...Secrets?.[0], SecretID: 'gone' };
    expect(
      await other('a', { Secrets: [lost, { ...lost, SecretName: 'b', File: { Name: 'b' } }] }),
    ).toMatchObject({
      status: 400,
      body: {
        message: expect.stringContaining(
          'desc = secrets not found: key, b (TaskTemplate.ContainerSpec.Secrets[0]: ',
        ),
      },
    });
    expect(await other('a', { Configs: [{ ...Configs?.[0], ConfigName: 'other' }] })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('desc = config not found: other (') },
    });
  });

  it('keeps them from being removed, and is named', async () => {
    const { call } = await withService();
    for (const [kind, name] of [
      ['secret', 'key'],
      ['config', 'conf'],
    ])
      expect(await call('DELETE', `/${kind}s/${name}`)).toMatchObject({
        status: 400,
        body: {
          message: `rpc error: code = InvalidArgument desc = ${kind} '${name}' is in use by the following service: web`,
        },
      });
    expect((await call('DELETE', '/services/web')).status).toBe(200);
    expect((await call('DELETE', '/secrets/key')).status).toBe(204);
  });

  it('is updated when one of them holds something else, and can go back', async () => {
    const { call, replace, web, versions, store } = await withService();
    const before = web();
    expect((await replace('secret', 'key', 'planted')).body).toMatchObject({
      ContentVersion: 1,
      Services: [],
    });
    expect(web()).toBe(before);
    const ID = before?.ID ?? '';
    await store.update((tx) => void tx.tasks.create(taskOf(before as Service)));
    expect(await replace('secret', 'key', 'another')).toMatchObject({
      status: 200,
      body: { ContentVersion: 2, Services: ['web'] },
    });
    expect([versions(), versions('PreviousSpec')]).toEqual([
      [2, 1],
      [1, 1],
    ]);
    expect(web()?.shoal.specVersion).toBe(2);
    expect(web()?.UpdateStatus?.State).toBe('updating');
    const rollback = `/services/${ID}/update?version=${web()?.Version.Index}&rollback=previous`;
    expect((await call('POST', rollback, web()?.Spec)).status).toBe(200);
    expect([versions(), versions('PreviousSpec')]).toEqual([
      [1, 1],
      [2, 1],
    ]);
    // Another update brings back nothing of that, unless it is asked to.
    const updated = async (change: object) => {
      const present = web();
      const url = `/services/${ID}/update?version=${present?.Version.Index}`;
      expect((await call('POST', url, { ...present?.Spec, ...change })).status).toBe(200);
      return versions();
    };
    expect(await updated({ Labels: { a: 'b' } })).toEqual([1, 1]);
    expect(await updated({ TaskTemplate: { ...web()?.Spec.TaskTemplate, ForceUpdate: 1 } })).toEqual([2, 1]);
  });

  it('and its tasks keep what they need of before, and nothing else is kept', async () => {
    const { replace, web, store } = await withService();
    const kept = () => [...store.view.secrets.all()][0]?.contents.map(({ version }) => version);
    const task = taskOf(web() as Service);
    await store.update((tx) => void tx.tasks.create(task));
    for (const text of ['2', '3', '4']) await replace('secret', 'key', text);
    // Of the task, of the spec before, of the present one.
    expect(kept()).toEqual([1, 2, 3, 4]);
    await replace('secret', 'key', '5');
    expect(kept()).toEqual([1, 3, 4, 5]);
    await store.update((tx) => void tx.tasks.remove(task.ID));
    await replace('secret', 'key', '6');
    expect(kept()).toEqual([4, 5, 6]);
  });

  it.each([
    [{ Mode: { ReplicatedJob: {} } }, [], 1],
    [{ Mode: { ReplicatedJob: {} }, Labels: { 'shoal.cron': '@daily' } }, ['web'], 2],
  ])('that is a job does its work once more for none: %j', async (spec, updated, version) => {
    const { replace, web, versions } = await withService({ spec });
    const before = web()?.JobStatus;
    expect((await replace('secret', 'key', 'another')).body).toMatchObject({ Services: updated });
    expect([web()?.JobStatus, versions()]).toEqual([before, [version, 1]]);
  });

  it('is told by their templates', async () => {
    const golang = { Templating: { Name: 'golang' } };
    const fine = await withService({
      ...golang,
      conf: '{{.Service.Name}} {{secret "key"}} {{env "A"}} {{config "/etc/conf"}}',
    });
    expect(fine.created.status).toBe(201);
    expect(await fine.replace('config', 'conf', '{{secret "other"}}')).toMatchObject({
      status: 400,
      body: {
        message:
          'service web: TaskTemplate.ContainerSpec: the template of config conf: secret "other" is none of the files that the service names',
      },
    });
    const asks = await fine.replace('config', 'conf', '{{secret (secret "key")}}');
    expect([asks.status, asks.text.includes('planted')]).toEqual([400, false]);
    expect(fine.versions()).toEqual([1, 1]);
    const wrong = await withService({ ...golang, conf: '{{.Node.Name}}' });
    expect(wrong.created).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('there is no .Node.Name') },
    });
  });
});

it('what can not be opened is said, and nothing is changed by that', async () => {
  const { call, store } = await anApi((tx: Tx) => {
    const data = vault.seal(sealingIn(tx), purposes.content('config', 'another', 1), 'x');
    tx.configs.create({ ID: 'broken', Spec: { Name: 'conf' }, contents: [{ version: 1, at: '', data }] });
  });
  const { revision } = store;
  expect(await call('POST', '/shoal/v1/configs/conf/content', { Data: base64('x') })).toMatchObject({
    status: 500,
    body: { message: "what config conf holds can't be opened: create another one" },
  });
  expect(store.revision).toBe(revision);
});

const taskOf = ({ ID, Spec }: Service) =>
  aTask('t1', { ServiceID: ID, NodeID: 'n1', Spec: Spec.TaskTemplate ?? {}, Status: { State: 'running' } });
