import { describe, expect, it } from 'vitest';
import { aNode, aService, aTask } from '../testing.ts';
import { anApi, aSpec, joinToken } from './testing.ts';

describe('versions', () => {
  it('serves every path with and without a version from 1.41 to 1.50', async () => {
    const { call } = await anApi();
    for (const prefix of ['', '/v1.41', '/v1.50']) {
      expect((await call('GET', `${prefix}/services?status=true`)).status).toBe(200);
    }
  });

  it('refuses others in the words that clients know', async () => {
    const { call } = await anApi();
    expect(await call('GET', '/v1.99/services')).toMatchObject({
      status: 400,
      body: { message: 'client version 1.99 is too new. Maximum supported API version is 1.50' },
    });
    expect(await call('GET', '/v1.30/_ping')).toMatchObject({
      status: 400,
      body: {
        message:
          'client version 1.30 is too old. Minimum supported API version is 1.41, please upgrade your client to a newer version',
      },
    });
  });

  it('tells its own on every answer, and on a ping what clients negotiate with', async () => {
    const { call } = await anApi();
    const { status, headers, text } = await call('HEAD', '/_ping');
    expect({ status, text }).toEqual({ status: 200, text: '' });
    expect(headers).toMatchObject({
      'api-version': '1.50',
      ostype: 'linux',
      'docker-experimental': 'false',
      swarm: 'active/manager',
      server: 'Shoal/0.1.0 (linux)',
      'cache-control': 'no-cache, no-store, must-revalidate',
    });
    expect((await call('GET', '/_ping')).text).toBe('OK');
    expect((await call('GET', '/nope')).headers['api-version']).toBe('1.50');
  });
});

describe('paths', () => {
  it.each([
    ['GET', '/containers/json', /containers are not served/],
    ['POST', '/containers/create', /containers are not served/],
    ['GET', '/images/json', /images are not served/],
    ['POST', '/images/create', /images are not served/],
    ['GET', '/volumes', /volumes are not served/],
    ['POST', '/swarm/init', /swarm itself/],
  ] as const)("answer 501 when they are Docker's: %s %s", async (method, path, message) => {
    const { call } = await anApi();
    expect(await call(method, path)).toMatchObject({
      status: 501,
      body: { message: expect.stringMatching(message) },
    });
  });

  it.each([
    ['GET', '/containers/web/json', 'No such container: web (containers are not served by Shoal yet: '],
    ['GET', '/containers/registry:5000/web:1/json', 'No such container: registry:5000/web:1 ('],
    ['POST', '/containers/web/exec', 'No such container: web ('],
    ['DELETE', '/containers/web', 'No such container: web ('],
    ['POST', '/exec/1/start', 'No such exec instance: 1 ('],
    ['GET', '/images/registry:5000/web:1/json', 'No such image: registry:5000/web:1 ('],
    ['DELETE', '/images/shop/web', 'No such image: shop/web ('],
    ['GET', '/volumes/da%20ta', 'get da ta: no such volume ('],
    ['GET', '/plugins/vieux/sshfs:latest/json', 'plugin "vieux/sshfs:latest" not found ('],
  ] as const)('say that nothing has such a name: %s %s', async (method, path, message) => {
    const { call } = await anApi();
    expect(await call(method, path)).toMatchObject({
      status: 404,
      body: { message: expect.stringContaining(message) },
    });
  });

  it.each([
    ['GET', '/plugins', []],
    ['GET', '/system/df', { Images: [], Containers: [], Volumes: [], BuildCache: [] }],
    ['POST', '/containers/prune', { SpaceReclaimed: 0 }],
    ['POST', '/images/prune', { SpaceReclaimed: 0 }],
    ['POST', '/volumes/prune', { SpaceReclaimed: 0 }],
    ['POST', '/build/prune?all=true', { SpaceReclaimed: 0 }],
  ] as const)(
    'answer as where there is nothing, when asked in passing: %s %s',
    async (method, path, body) => {
      const { call } = await anApi();
      expect(await call(method, path)).toMatchObject({ status: 200, body });
    },
  );

  it('tell how a host joins, with the address at which it reaches the manager', async () => {
    const { call } = await anApi((tx) => tx.nodes.create(aNode('n1', { reported: { runsManager: true } })));
    const { status, body } = await call('POST', '/swarm/join', {});
    expect([status, body.message]).toEqual([
      501,
      expect.stringContaining('run there: shoal join --token TOKEN 10.0.0.9:2477'),
    ]);
  });

  it.each(['/nope', '/vabc/services', '/servicess', '/distribution/web:1'])(
    'answer 404 otherwise: %s',
    async (path) => {
      const { call } = await anApi();
      expect(await call('GET', path)).toMatchObject({ status: 404, body: { message: 'page not found' } });
    },
  );
});

describe('bodies', () => {
  const create = async (body: string, headers = {}) => {
    const { call, store } = await anApi();
    const { revision } = store;
    const { status, body: answer } = await call('POST', '/services/create', body, headers);
    expect(store.revision).toBe(revision);
    return [status, answer.message];
  };

  it.each([
    ['{', /^invalid JSON: /],
    ['{"Name":"x"} {}', /^invalid JSON: /],
    ['', /ContainerSpec must be given/],
    ['{}', /ContainerSpec must be given/],
    ['[]', /^request body: must be object/],
    ['null', /ContainerSpec must be given/],
    ['{"Name":5}', /^Name: must be string/],
    ['{"Name":"x","name":"x"}', /^name: unknown field/],
    ['{"__proto__":{"Name":"x"}}', /^__proto__: unknown field/],
    [
      '{"TaskTemplate":{"ContainerSpec":{"Imagee":"x"}}}',
      /^TaskTemplate\.ContainerSpec\.Imagee: unknown field/,
    ],
    ['{"TaskTemplate":{"ContainerSpec":{"Env":"A=b"}}}', /^TaskTemplate\.ContainerSpec\.Env: must be array/],
    [
      '{"TaskTemplate":{"ContainerSpec":{"Env":["A=b",1]}}}',
      /^TaskTemplate\.ContainerSpec\.Env\[1\]: must be string/,
    ],
    ['{"Labels":{"a\\nb":1}}', /^Labels\.a\nb: must be string/],
    [
      '{"EndpointSpec":{"Ports":[{"Protocol":"icmp"}]}}',
      /^EndpointSpec\.Ports\[0\]\.Protocol: must be one of tcp, udp, sctp/,
    ],
    ['{"Mode":{"Replicated":{"Replicas":-1}}}', /^Mode\.Replicated\.Replicas: must be >= 0/],
    ['{"UpdateConfig":{"Delay":9007199254740993}}', /^UpdateConfig\.Delay: 9007199254740992 is too large/],
    ['{"Mode":{"Replicated":{"Replicas":1.5}}}', /^Mode\.Replicated\.Replicas: must be integer/],
  ])('that are wrong are refused by the path of what is wrong: %s', async (body, message) => {
    expect(await create(body)).toEqual([400, expect.stringMatching(message)]);
  });

  it('must be JSON by their header', async () => {
    expect(await create('{}', { 'content-type': 'text/plain' })).toEqual([
      400,
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ]);
  });

  it('of which there is nothing need none: so clients of Docker 20.10 prune', async () => {
    const { call } = await anApi();
    const empty = await call('POST', '/networks/prune', '', { 'content-type': 'text/plain' });
    expect(empty).toMatchObject({ status: 200, body: { NetworksDeleted: null } });
  });

  it('must not be huge', async () => {
    const body = JSON.stringify(aSpec({ Labels: { big: 'x'.repeat(4 * 1024 * 1024) } }));
    expect(await create(body)).toEqual([413, 'request body is larger than 4 MiB']);
  });

  it('may nest deeply without doing harm', async () => {
    const deep = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
    expect(await create(`{"Name":${deep}}`)).toEqual([400, 'Name: must be string']);
  });

  it('may name fields in any case, as docker-py does', async () => {
    const { call } = await anApi();
    const spec = { ...aSpec(), mode: { replicated: { Replicas: 2 } }, Labels: { name: 'kept' } };
    expect((await call('POST', '/services/create', spec)).status).toBe(201);
    const { body } = await call('GET', '/services/web');
    expect(body.Spec).toMatchObject({ Mode: { Replicated: { Replicas: 2 } }, Labels: { name: 'kept' } });
  });

  it('may have null or "" where Go clients mean "not set"', async () => {
    const { call } = await anApi();
    const spec = {
      ...aSpec({ Labels: null, Networks: null, RollbackConfig: null }),
      UpdateConfig: { Parallelism: 2, Order: '', FailureAction: '' },
      EndpointSpec: { Mode: '', Ports: null },
    };
    expect((await call('POST', '/services/create', spec)).status).toBe(201);
    const { body } = await call('GET', '/services/web');
    expect(body.Spec.UpdateConfig).toEqual({ Parallelism: 2 });
    // Python programs look for what is in a field whenever there is one.
    expect(JSON.stringify(body.Spec)).not.toContain('null');
  });

  it('may have the time of day as ForceUpdate, in 100 ns, as Ansible does; and the next client adds one', async () => {
    const { call } = await anApi();
    const seen: number[] = [];
    for (const now of ['17960401671234567', '17960401671234571', '18446744073709551615']) {
      const [Name, spec] = [`at-${now}`, JSON.stringify(aSpec({ Name: `at-${now}` }))];
      const forced = spec.replace('"TaskTemplate":{', `$&"ForceUpdate":${now},`);
      expect((await call('POST', '/services/create', forced)).status).toBe(201);
      seen.push((await call('GET', `/services/${Name}`)).body.Spec.TaskTemplate.ForceUpdate);
    }
    expect(new Set(seen).size).toBe(3);
    expect(seen.every((value) => Number.isSafeInteger(value + 1))).toBe(true);
  });
});

describe('the cluster as one host', () => {
  it('sums up nodes and tasks', async () => {
    const { call } = await anApi((tx) => {
      tx.nodes.create(aNode('n1', { reported: { runsManager: true } }));
      tx.nodes.create(aNode('n2', { judged: { state: 'down', why: 'no beat' } }));
      tx.nodes.create(aNode('n3'));
      tx.services.create(aService('web'));
      const status = { Timestamp: '' };
      const container = { ContainerID: 'c', PID: 1, ExitCode: 0 };
      tx.tasks.create(aTask('a', { Status: { ...status, State: 'running', container } }));
      tx.tasks.create(aTask('b', { Status: { ...status, State: 'failed', container } }));
      tx.tasks.create(aTask('c'));
    });
    const { body } = await call('GET', '/info');
    expect(body).toMatchObject({
      Containers: 2,
      ContainersRunning: 1,
      ContainersStopped: 1,
      NCPU: 4,
      MemTotal: 8 * 2 ** 30,
      Warnings: ['WARNING: node n2 is down: no beat'],
      Swarm: {
        NodeID: 'n1',
        NodeAddr: '10.0.0.1',
        RemoteManagers: [{ NodeID: 'n1', Addr: '10.0.0.9:2477' }],
        LocalNodeState: 'active',
        ControlAvailable: true,
        Nodes: 3,
      },
    });
    expect(JSON.stringify(body)).not.toContain('SHOAL-1-');
    expect((await call('GET', '/swarm')).body.JoinTokens.Worker).toBe(joinToken);
    expect((await call('GET', '/version')).body).toMatchObject({ ApiVersion: '1.50', MinAPIVersion: '1.41' });
  });

  it('is ready once there is a cluster', async () => {
    const { call, store } = await anApi();
    expect((await call('GET', '/readyz')).status).toBe(200);
    await store.update((tx) => tx.clusters.remove('cluster'));
    expect(await call('GET', '/readyz')).toMatchObject({ status: 503 });
    expect((await call('GET', '/healthz')).status).toBe(200);
  });
});

describe('images in registries', () => {
  it('are looked up by a host, whose answers and errors are passed on', async () => {
    const { call } = await anApi();
    const found = await call('GET', '/distribution/registry:5000/shop/web:1/json');
    expect(found.body.Descriptor.digest).toMatch(/^sha256:/);
    expect(await call('GET', '/distribution/missing:1/json')).toMatchObject({
      status: 404,
      body: { message: 'manifest for missing:1 not found' },
    });
    expect(await call('GET', '/distribution/Not%20Good/json')).toMatchObject({
      status: 400,
      body: { message: 'invalid reference format' },
    });
  });
});

describe('documentation', () => {
  it('describes every route, with an operation summary and the error shape', async () => {
    const { call } = await anApi();
    const { body } = await call('GET', '/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths).toSorted()).toEqual([
      '/_ping',
      '/configs',
      '/configs/create',
      '/configs/{id}',
      '/configs/{id}/update',
      '/distribution/{name}/json',
      '/events',
      '/healthz',
      '/info',
      '/networks',
      '/networks/create',
      '/networks/prune',
      '/networks/{id}',
      '/networks/{id}/connect',
      '/networks/{id}/disconnect',
      '/nodes',
      '/nodes/{id}',
      '/nodes/{id}/update',
      '/readyz',
      '/secrets',
      '/secrets/create',
      '/secrets/{id}',
      '/secrets/{id}/update',
      '/services',
      '/services/create',
      '/services/{id}',
      '/services/{id}/logs',
      '/services/{id}/update',
      '/shoal/v1/audit',
      '/shoal/v1/audit/verify',
      '/shoal/v1/backup',
      '/shoal/v1/certificates',
      '/shoal/v1/configs/{id}/content',
      '/shoal/v1/doctor/networks',
      '/shoal/v1/jobs',
      '/shoal/v1/jobs/{id}',
      '/shoal/v1/networks/{id}',
      '/shoal/v1/nodes/{id}/listeners',
      '/shoal/v1/nodes/{id}/liveness',
      '/shoal/v1/plan',
      '/shoal/v1/restore',
      '/shoal/v1/restore/finish',
      '/shoal/v1/secrets/{id}/content',
      '/shoal/v1/services/{id}/ports',
      '/shoal/v1/tasks/{id}/explain',
      '/shoal/v1/tokens',
      '/shoal/v1/tokens/{id}',
      '/swarm',
      '/swarm/unlock',
      '/swarm/unlockkey',
      '/swarm/update',
      '/tasks',
      '/tasks/{id}',
      '/tasks/{id}/logs',
      '/version',
    ]);
    for (const operations of Object.values<Record<string, { summary?: string; responses: object }>>(
      body.paths,
    )) {
      for (const { summary, responses } of Object.values(operations)) {
        expect(summary).toBeTruthy();
        expect(JSON.stringify(responses)).toContain('message');
      }
    }
  });

  it('is readable in a browser', async () => {
    const { call } = await anApi();
    expect((await call('GET', '/docs')).text).toContain('swagger-ui-bundle.js');
    const script = await call('GET', '/docs/swagger-ui-bundle.js');
    expect(script.headers['content-type']).toMatch(/^text\/javascript/);
    expect(script.text.length).toBeGreaterThan(100_000);
    expect((await call('GET', '/docs/package.json')).status).toBe(404);
    expect((await call('GET', '/docs/..%2fpackage.json')).status).toBe(404);
  });
});
