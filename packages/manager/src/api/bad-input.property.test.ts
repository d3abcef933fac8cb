import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { payloadKinds, purposes, type ServiceSpec, sealingIn } from '../model/index.ts';
import type { Tx } from '../store/index.ts';
import { aNode, aPayload, aService, aTask } from '../testing.ts';
import {
  fromSchema,
  fullJob,
  fullNetwork,
  fullService,
  fullSwarm,
  mutated,
  odd,
  type Path,
  pathsOf,
  replaced,
  type Schema,
} from './bodies.fixture.ts';
import { anApi, aSpec, vault } from './testing.ts';

type Api = Awaited<ReturnType<typeof anApi>>;
type Method = Parameters<Api['call']>[0];

/** A little of everything. */
const seed = (tx: Tx) => {
  for (const name of ['n1', 'n2']) tx.nodes.create(aNode(name));
  tx.services.create(
    aService('s1', { Spec: aSpec({ Name: 'api' }), shoal: { specVersion: 1, replacedIndex: 0 } }),
  );
  for (const kind of payloadKinds) {
    const data = vault.seal(sealingIn(tx), purposes.content(kind, kind, 1), 'YQ==');
    tx[`${kind}s`].create(aPayload(kind, [{ version: 1, at: '', data }]));
  }
  tx.tasks.create(aTask('t1', { ServiceID: 's1', NodeID: 'n1', Status: { State: 'running' } }));
};
const seeded = async (): Promise<Api> => {
  const api = await anApi(seed);
  await api.call('POST', '/networks/create', { Name: 'shop', Driver: 'overlay' });
  return api;
};

const File = { Name: 'file', UID: '1', GID: '2', Mode: 0o400 };
/** With files of what is there. */
const wholeService: ServiceSpec = {
  ...fullService,
  TaskTemplate: {
    ...fullService.TaskTemplate,
    ContainerSpec: {
      ...fullService.TaskTemplate?.ContainerSpec,
      Secrets: [{ SecretID: 'secret', SecretName: 'secret', File }],
      Configs: [{ ConfigID: 'config', ConfigName: 'config', File }],
    },
  },
};
const wholePayload = { Name: 'key', Labels: { a: 'b' }, Data: 'YQ==', Templating: { Name: 'golang' } };

interface Route {
  readonly method: Method;
  readonly url: string;
  readonly query: readonly string[];
  readonly body: Schema | undefined;
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

async function routesOf({ call }: Api): Promise<Route[]> {
  const { body } = await call('GET', '/openapi.json');
  const paths: [string, Record<string, Operation>][] = Object.entries(body.paths);
  return paths.flatMap(([url, operations]) =>
    Object.entries(operations)
      .filter(([method]) => method !== 'head')
      .map(([method, { parameters = [], requestBody }]) => ({
        method: method.toUpperCase() as Method,
        url,
        query: parameters.flatMap(({ name, in: where }) => (where === 'query' ? [name] : [])),
        body: requestBody?.content['application/json']?.schema,
      })),
  );
}

/** Bodies that are known to be right, in place of what their schemas say. */
const right: Readonly<Record<string, unknown>> = {
  'POST /services/create': wholeService,
  'POST /secrets/create': wholePayload,
  'POST /configs/create': wholePayload,
  'POST /secrets/{id}/update': { Name: 'secret', Data: 'YQ==', Labels: { a: 'b' } },
  'POST /shoal/v1/configs/{id}/content': { Data: 'Yg==' },
  'POST /services/{id}/update': aSpec({ Name: 'api' }),
  'POST /networks/create': fullNetwork,
  'POST /nodes/{id}/update': { Role: 'worker', Availability: 'drain', Labels: { zone: 'a' }, Name: 'one' },
};

const ids = fc.oneof(
  fc.constantFrom('s1', 'api', 't1', 'n1', 'shop', 'secret', 'config', 'ingress', 'bridge', 'token', 'web:1'),
  fc.constantFrom(
    '',
    '%',
    '%zz',
    '%00',
    '..',
    '%2F',
    'a'.repeat(900),
    '__proto__',
    'constructor',
    encodeURIComponent('é☃💣'),
  ),
);
const text = fc.oneof(
  fc.string({ maxLength: 10 }),
  fc.constantFrom(
    '',
    '0',
    '1',
    '-1',
    'true',
    'false',
    '2',
    '1e3',
    '99999999999999999999',
    'NaN',
    '2026-01-01T00:00:00Z',
  ),
  fc.constantFrom('previous', 'previous-spec', 'spec', 'all', '\0', '[]', '{}', 'null'),
);
const filterKeys = [
  'id',
  'name',
  'label',
  'mode',
  'type',
  'event',
  'node',
  'service',
  'desired-state',
  'until',
  'role',
  'driver',
  'scope',
  'dangling',
  'membership',
  'label!',
  '__proto__',
  '',
];
const filters = fc.oneof(
  odd.map((value) => JSON.stringify(value) ?? ''),
  fc
    .dictionary(
      fc.constantFrom(...filterKeys),
      fc.oneof(odd, fc.array(text, { maxLength: 2 }), fc.dictionary(text, fc.boolean(), { maxKeys: 2 })),
      { maxKeys: 3 },
    )
    .map((value) => JSON.stringify(value)),
  text,
);

interface Request {
  readonly method: Method;
  readonly url: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** Parameters that would make an answer without an end, and what they get instead. */
const endless: Readonly<Record<string, string>> = { follow: '0', until: '1' };
/** What all tests of this process share is not to be changed: the key of the vault. */
const spared = /AutoLockManagers|ForceRotate/;

function requestsOf({ method, url, query, body }: Route): fc.Arbitrary<Request> {
  const valuesOf = (name: string) =>
    name in endless ? fc.constant(endless[name] ?? '') : name === 'filters' ? filters : text;
  const asked = fc.record(
    Object.fromEntries(
      query.filter((name) => name !== 'rotateManagerUnlockKey').map((name) => [name, valuesOf(name)]),
    ),
    { requiredKeys: query.filter((name) => name in endless) },
  );
  const known = right[`${method} ${url}`];
  const whole = known ? fc.constant(known) : body ? fromSchema(body) : fc.constant(undefined);
  const bodies = fc.oneof(whole, mutated(whole), ...(known && body ? [fromSchema(body)] : []), odd);
  return fc.record({
    method: fc.constant(method),
    url: fc
      .tuple(fc.constantFrom('', '', '/v1.41', '/v1.50', '/v9.9', '/v1.x'), ids, asked)
      .map(
        ([version, id, values]) =>
          `${version}${url.replace(/\{\w+\}/, () => id)}?${new URLSearchParams(values)}`,
      ),
    body:
      method === 'GET' || method === 'HEAD'
        ? fc.constant(undefined)
        : bodies.filter((value) => !spared.test(JSON.stringify(value) ?? '')),
    headers: fc.record(
      {
        'x-registry-auth': text.map(encodeURIComponent),
        'content-type': fc.constantFrom('application/json', 'text/plain', 'x'),
      },
      { requiredKeys: [] },
    ),
  });
}

const outOfSequence = 'rpc error: code = Unknown desc = update out of sequence';
/** Not served, or a host that is asked is not there: no fault of the manager's. */
const elsewhere = [501, 503];

describe('whatever is asked of whatever route', () => {
  it('is answered or refused in words, by no internal error, and what is refused changes nothing', async () => {
    const routes = await routesOf(await seeded());
    expect(routes.length).toBeGreaterThan(40);
    const requests = fc.constantFrom(...routes).chain(requestsOf);
    await fc.assert(
      fc.asyncProperty(requests, async ({ method, url, body, headers }) => {
        const { call, store } = await seeded();
        const before = store.revision;
        const answer = await call(method, url, body, headers);
        if (answer.status < 400) return;
        const { message } = answer.body;
        expect(message).toMatch(/\S/);
        if (answer.status >= 500 && !elsewhere.includes(answer.status)) expect(message).toBe(outOfSequence);
        expect(store.revision).toBe(before);
      }),
      { numRuns: 800 },
    );
  });

  it.each([
    ['/services/create', wholeService],
    ['/services/create', fullJob],
    ['/secrets/create', wholePayload],
    ['/configs/create', wholePayload],
    ['/networks/create', fullNetwork],
    ['/nodes/n1/update', right['POST /nodes/{id}/update']],
    ['/swarm/update', fullSwarm],
    ['/shoal/v1/tokens', { name: 'ci', role: 'viewer', expiresInMs: 60_000 }],
    ['/shoal/v1/plan', { fault: 'drain', nodes: ['n1'] }],
  ])('%s names the field that is wrong, or what it is part of', async (path, body) => {
    const asked = async (sent: unknown) => {
      const { call, store } = await seeded();
      const { nodes, clusters } = store.view;
      const { Version } = (path.startsWith('/nodes') ? nodes.get('n1') : clusters.get('cluster')) ?? {};
      return call('POST', `${path}?version=${Version?.Index}`, sent);
    };
    const { status, text } = await asked({ ...(body as object), EndpointSpec: undefined });
    expect(status < 300 ? '' : text).toBe('');
    const paths = pathsOf(body).filter((at) => at.length > 0 && !spared.test(readable(at)));
    // What is null counts as left out, which may only be wrong beside something else.
    const values = odd.filter((value) => value !== null && value !== '');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), values, async (at, value) => {
        const { status, body: answer } = await asked(replaced(body, at, value));
        if (status !== 400) return;
        const [field = ''] = at.filter((step) => typeof step === 'string').slice(-1);
        const parent = readable(at.slice(0, -1));
        const isNamed = answer.message.includes(field) || (parent && answer.message.includes(parent));
        expect(isNamed ? '' : `${readable(at)}: ${answer.message}`).toBe('');
      }),
      { numRuns: 300 },
    );
  });
});

/** As answers write it: `TaskTemplate.Networks[0]`. */
const readable = (path: Path): string =>
  path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1);
