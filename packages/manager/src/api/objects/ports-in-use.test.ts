import { describe, expect, it } from 'vitest';
import { type Listener, listenerText, type PortConfig } from '../../model/index.ts';
import { aNode, aService } from '../../testing.ts';
import { anApi, aSpec } from '../testing.ts';

const sshd: Listener = { protocol: 'tcp', port: 22, process: 'sshd', pid: 812 };
const python: Listener = { protocol: 'tcp', port: 18_320, process: 'python3', pid: 123 };
const listening = (number: number, ...listeners: Listener[]) =>
  aNode(`n${number}`, {
    reported: { description: { Hostname: `h${number}` }, ...(listeners.length > 0 && { listeners }) },
    allotted: { number },
  });
const down = { judged: { state: 'down' } } as const;

/** Three hosts with sshd; on the second, others listen too. */
const seeded = (...more: Listener[]) =>
  anApi((tx) => {
    for (const number of [1, 2, 3]) tx.nodes.create(listening(number, sshd, ...(number === 2 ? more : [])));
  });
const publishing = (port: PortConfig, Name = 'web') =>
  aSpec({ Name, EndpointSpec: { Ports: [{ TargetPort: 8080, ...port }] } });
type Api = Awaited<ReturnType<typeof seeded>>;
const update = async ({ call }: Api, spec: object, rest = '') => {
  const { body } = await call('GET', '/services/web');
  return call('POST', `/services/web/update?version=${body.Version.Index}${rest}`, spec);
};
/** What listens on the second host from now on. */
const listenLater = ({ store }: Api, ...listeners: Listener[]) =>
  store.update((tx) => {
    const node = tx.nodes.get('n2');
    if (node) tx.nodes.update({ ...node, reported: { ...node.reported, listeners } });
  });

describe('publishing a port that hosts listen on', () => {
  it('is refused, naming them and the processes', async () => {
    const { call, store } = await seeded(python);
    const refusals = [publishing({ PublishedPort: 18_320 }), publishing({ PublishedPort: 22 })].map(
      async (spec) => {
        const { status, body } = await call('POST', '/services/create', spec);
        return [status, body.message];
      },
    );
    const begin = 'rpc error: code = InvalidArgument desc = port';
    const end = 'publish another port, or end what listens there';
    expect(await Promise.all(refusals)).toEqual([
      [400, `${begin} '18320' (tcp) is already in use on h2 by "python3" (pid 123): ${end}`],
      [
        400,
        `${begin} '22' (tcp) is already in use on h1 by "sshd" (pid 812), on h2 by "sshd" (pid 812), ` +
          `on h3 by "sshd" (pid 812): ${end}`,
      ],
    ]);
    expect(store.view.services.size).toBe(0);
  });

  it("is refused with what needs the port, where that is no process: the host's resolver", async () => {
    const resolver: Listener = { protocol: 'udp', port: 53, process: "the host's resolver" };
    const api = await seeded(resolver);
    const port = { PublishedPort: 53, Protocol: 'udp' } as const;
    const { status, body } = await api.call('POST', '/services/create', publishing(port));
    expect(status).toBe(400);
    expect(body.message).toContain("port '53' (udp) is already in use on h2 by the host's resolver: publish");
    await listenLater(api);
    expect((await api.call('POST', '/services/create', publishing(port))).status).toBe(201);
    await listenLater(api, resolver);
    const { body: told } = await api.call('GET', '/shoal/v1/services/web/ports');
    expect(told.ports[0].notServedBy).toEqual([
      {
        node: 'n2',
        hostname: 'h2',
        process: "the host's resolver",
        says: "port 53/udp is not served by host h2: the host's resolver listens on it",
      },
    ]);
  });

  it('is no longer a list of hosts than people read', async () => {
    const { call } = await anApi((tx) => {
      for (let number = 1; number <= 9; number++) tx.nodes.create(listening(number, sshd));
    });
    const { body } = await call('POST', '/services/create', publishing({ PublishedPort: 22 }));
    expect(body.message).toMatch(/ on h5 by "sshd" \(pid 812\), and on 4 more hosts: publish/);
  });

  it.each<[string, PortConfig, Listener[]]>([
    ['another protocol', { PublishedPort: 18_320, Protocol: 'udp' }, [python]],
    ['another port', { PublishedPort: 18_321 }, [python]],
    [
      'only on the hosts of its tasks: the scheduler avoids them',
      { PublishedPort: 22, PublishMode: 'host' },
      [],
    ],
  ])('is not refused with %s', async (_, port, listeners) => {
    const { call } = await seeded(...listeners);
    expect((await call('POST', '/services/create', publishing(port))).status).toBe(201);
  });

  it('UDP as well as TCP', async () => {
    const { call } = await seeded({ protocol: 'udp', port: 53 });
    const { body } = await call(
      'POST',
      '/services/create',
      publishing({ PublishedPort: 53, Protocol: 'udp' }),
    );
    expect(body.message).toMatch(
      "port '53' (udp) is already in use on h2 by a process that its agent can not see:",
    );
  });

  it('does not count a host that is down', async () => {
    const { call } = await anApi((tx) => tx.nodes.create({ ...listening(1, sshd), ...down }));
    expect((await call('POST', '/services/create', publishing({ PublishedPort: 22 }))).status).toBe(201);
  });

  it('names the service whose container it is, and lets that service have it', async () => {
    const api = await seeded({ ...python, serviceId: 's1' });
    await api.store.update((tx) => void tx.services.create(aService('s1', { Spec: aSpec() })));
    const { body } = await api.call(
      'POST',
      '/services/create',
      publishing({ PublishedPort: 18_320 }, 'rival'),
    );
    expect(body.message).toContain('in use on h2 by "python3" (pid 123) of service web:');
    expect((await update(api, publishing({ PublishedPort: 18_320 }))).status).toBe(200);
  });

  it('is refused in an update and a rollback as well', async () => {
    const api = await seeded();
    await api.call('POST', '/services/create', publishing({ PublishedPort: 18_320 }));
    expect((await update(api, publishing({ PublishedPort: 18_321 }))).status).toBe(200);
    await listenLater(api, python);
    const { Version } = api.store.view.services.by('name', 'web')[0] ?? {};
    for (const rest of ['', '&rollback=previous']) {
      const { status, body } = await update(api, publishing({ PublishedPort: 18_320 }), rest);
      expect([status, body.message]).toEqual([
        400,
        expect.stringMatching(/port '18320' .* on h2 by "python3"/),
      ]);
    }
    expect(api.store.view.services.by('name', 'web')[0]?.Version).toEqual(Version);
  });

  it('happens to no port that is given out', async () => {
    const { call } = await seeded({ protocol: 'tcp', port: 30_000 }, { protocol: 'tcp', port: 30_001 });
    await call('POST', '/services/create', publishing({}));
    const { body } = await call('GET', '/services/web');
    expect(body.Endpoint.Ports[0].PublishedPort).toBe(30_002);
  });
});

describe('a listener that came after the service', () => {
  const says = 'port 18320/tcp is not served by host h2: "python3" (pid 123) listens on it';
  const late = async () => {
    const api = await seeded();
    await api.call('POST', '/services/create', publishing({ PublishedPort: 18_320 }));
    await listenLater(api, sshd, python);
    return api;
  };

  it('does not keep the service from being changed, and who changes it is told', async () => {
    const api = await late();
    const spec = { ...publishing({ PublishedPort: 18_320 }), Mode: { Replicated: { Replicas: 3 } } };
    expect(await update(api, spec)).toMatchObject({ status: 200, body: { Warnings: [says] } });
  });

  it('is told of by its node, beside what that is short of', async () => {
    const api = await late();
    const message = async (id: string) => (await api.call('GET', `/nodes/${id}`)).body.Status.Message;
    const here =
      'port 18320/tcp of service web is not served by this host: "python3" (pid 123) listens on it';
    expect([await message('n1'), await message('n2')]).toEqual([undefined, here]);
    await api.store.update((tx) => {
      const node = tx.nodes.get('n2');
      const pressures = [{ kind: 'pids', message: 'short of PIDs: 3 free of 1000' }];
      if (node) tx.nodes.update({ ...node, reported: { ...node.reported, pressures } });
    });
    expect(await message('n2')).toBe(`the host is short of PIDs: 3 free of 1000; ${here}`);
    const { body } = await api.call('GET', '/nodes');
    expect(body.map((node: { Status: { Message?: string } }) => node.Status.Message !== undefined)).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('is told of by its service, by docker info, and no more once the service is gone', async () => {
    const { call } = await late();
    const { body } = await call('GET', '/shoal/v1/services/web/ports');
    expect(body.ports).toEqual([
      {
        protocol: 'tcp',
        published: 18_320,
        target: 8080,
        notServedBy: [{ node: 'n2', hostname: 'h2', process: 'python3', pid: 123, says }],
      },
    ]);
    expect((await call('GET', '/info')).body.Warnings).toEqual([`WARNING: service web: ${says}`]);
    await call('DELETE', '/services/web');
    expect((await call('GET', '/info')).body.Warnings).toBeNull();
    expect((await call('GET', '/nodes/n2')).body.Status).not.toHaveProperty('Message');
  });

  it('is listed with all others of its host', async () => {
    const { call } = await late();
    const { body } = await call('GET', '/shoal/v1/nodes/h2/listeners');
    expect(body).toMatchObject({ node: 'n2', hostname: 'h2' });
    expect(body.listeners).toEqual([
      sshd,
      { ...python, keeps: expect.stringMatching(/^port 18320\/tcp of service web is not served/) },
    ]);
    expect((await call('GET', '/shoal/v1/nodes/zz/listeners')).status).toBe(404);
    expect((await call('GET', '/shoal/v1/services/zz/ports')).status).toBe(404);
  });
});

it('a process that is not seen has no name', () => {
  expect([python, { protocol: 'tcp', port: 1 }].map(listenerText)).toEqual([
    '"python3" (pid 123)',
    'a process that its agent can not see',
  ]);
});
