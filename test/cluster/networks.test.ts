import { httpJson, Load, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Asker, client, network, on, published, removeNetworks, type Web } from './askers.ts';
import {
  cluster,
  containersOn,
  create,
  docker,
  live,
  nodeNamed,
  removeServices,
  running,
  tasksOf,
  webSpec,
} from './shared.ts';

beforeAll(async () => {
  await network('shop');
  await network('back');
  await network('quiet', { Internal: true });
});
afterAll(async () => {
  await removeServices();
  await removeNetworks();
});
afterEach(() => removeServices());

it('a network made right after another was removed holds tasks at once, though it may get the same number', async () => {
  for (const name of ['first', 'second', 'third']) {
    const { id } = await docker.createNetwork({ Name: name, Driver: 'overlay' });
    await create(webSpec('guest', { replicas: 3, task: { Networks: [{ Target: id }] } }));
    await running('guest', 3);
    const failed = (await tasksOf('guest')).filter(({ Status }) => Status.State === 'failed');
    expect(failed.map(({ Status }) => Status.Err)).toEqual([]);
    await removeServices('guest');
    await docker.getNetwork(id).remove();
  }
});

describe('names and service addresses', () => {
  it('lead from any host to every replica of a service, and only on shared networks', async () => {
    await create(webSpec('web', { replicas: 3, task: on('shop') }));
    const tasks = await running('web', 3);
    const asker = await client('asker', 'h2', 'shop');
    const answers = await asker.ask('http://web:8080/', 60);
    expect(new Set(answers.map(({ name }) => name)).size).toBe(3);
    // The replica sees the caller itself.
    expect(new Set(answers.map((answer) => answer.client)).size).toBe(1);
    const { Endpoint } = (await docker.getService('web').inspect()) as {
      Endpoint: { VirtualIPs: { Addr: string }[] };
    };
    expect(await asker.lookup('web')).toEqual([Endpoint.VirtualIPs[0]?.Addr.split('/')[0]]);
    const addresses = tasks.map(
      (task) =>
        (
          task as unknown as { NetworksAttachments: { Addresses: string[] }[] }
        ).NetworksAttachments[0]?.Addresses[0]?.split('/')[0],
    );
    expect(await asker.lookup('tasks.web')).toEqual(addresses.sort());
    expect(addresses).toEqual(expect.arrayContaining(await asker.lookup('web.2')));
    expect(await asker.lookup('nothing')).toEqual(['ENOTFOUND']);
    const stranger = await client('stranger', 'h2', 'back');
    expect(await stranger.lookup('web')).toEqual(['ENOTFOUND']);
    expect(await stranger.fails(`http://${addresses[0]}:8080/`)).not.toBe('answered');
  });

  it('reach the service that asks itself, and refuse at once when nobody is there', async () => {
    await create(webSpec('web', { task: on('shop') }));
    const [task] = await running('web', 1);
    const { Description } = await docker.getNode(task?.NodeID ?? '').inspect();
    const host = cluster.host(Description.Hostname);
    const [self] = await containersOn(host, 'web');
    const asker = new Asker(host, self?.Id ?? '');
    await until('it reaches itself', () => asker.ask('http://web:8080/'), { timeoutMs: 10_000 });
    await create(webSpec('empty', { replicas: 0, task: on('shop') }));
    await until(
      'the empty service has a name',
      async () => (await asker.lookup('empty'))[0]?.startsWith('10.'),
      { timeoutMs: 10_000 },
    );
    expect(await asker.fails('http://empty:8080/')).toBe('ECONNREFUSED');
  });

  it('follow aliases, dnsrr, and a service on several networks', async () => {
    const aliased = {
      Networks: [{ ...on('shop').Networks[0], Aliases: ['db'] }, ...on('back').Networks],
    };
    await create(webSpec('web', { replicas: 2, task: aliased, EndpointSpec: { Mode: 'dnsrr' } }));
    await running('web', 2);
    const front = await client('front', 'h1', 'shop');
    const behind = await client('behind', 'h3', 'back');
    expect(await front.lookup('db')).toEqual(await front.lookup('tasks.web'));
    expect(await front.lookup('web')).toHaveLength(2);
    expect(await behind.lookup('web')).toHaveLength(2);
    expect(await behind.lookup('web')).not.toEqual(await front.lookup('web'));
    expect((await behind.ask('http://web:8080/', 4)).length).toBe(4);
  });

  it('keep an internal network inside', async () => {
    await create(webSpec('web', { task: on('quiet') }));
    await running('web', 1);
    const inside = await client('inside', 'h1', 'quiet');
    expect(await inside.ask('http://web:8080/', 2)).toHaveLength(2);
    expect(await inside.fails(`http://${cluster.host('h2').ip}:2375/_ping`)).not.toBe('answered');
    const open = await client('open', 'h1', 'shop');
    expect(await open.fails(`http://${cluster.host('h2').ip}:2375/_ping`)).toBe('answered');
  });
});

describe('published ports', () => {
  it('answer on every host, with the client seen as it is, also where no replica runs', async () => {
    await create(
      webSpec('web', { task: { Placement: { Constraints: ['node.hostname==h2'] } }, ...published(18081) }),
    );
    await running('web', 1);
    const gateway = `${cluster.options.net}.1`;
    for (const host of cluster.hosts) {
      const answer = await until(`${host.name} answers`, () => httpJson<Web>(`http://${host.ip}:18081/`), {
        timeoutMs: 10_000,
      });
      expect(answer.client).toBe(gateway);
      const own = await host.sh('curl -sf -m 3 http://127.0.0.1:18081/');
      expect(JSON.parse(own)).toHaveProperty('name');
    }
  });

  it('are refused with the name of the holder, and given out when none is named', async () => {
    await create(webSpec('web', { replicas: 0, ...published(18082) }));
    await expect(create(webSpec('rival', { replicas: 0, ...published(18082) }))).rejects.toThrow(
      /18082.*web/,
    );
    await create(webSpec('any', { replicas: 0, EndpointSpec: { Ports: [{ TargetPort: 8080 }] } }));
    const { Endpoint } = (await docker.getService('any').inspect()) as {
      Endpoint: { Ports: { PublishedPort: number }[] };
    };
    expect(Endpoint.Ports[0]?.PublishedPort).toBeGreaterThanOrEqual(30_000);
  });

  it('lose no request in a rolling update, a scale-down and a drain', async () => {
    await create(
      webSpec('web', {
        replicas: 6,
        UpdateConfig: { Parallelism: 2, Monitor: 0.2e9, Order: 'start-first' },
        ...published(18083),
        container: { Healthcheck: { Test: ['CMD', '/app/health'], Interval: 1e9 } },
      }),
    );
    await running('web', 6);
    await until('it answers', () => httpJson(`http://${cluster.host('h1').ip}:18083/`), {
      timeoutMs: 10_000,
    });
    let turn = 0;
    const load = Load.start({
      target: () => `http://${cluster.hosts[turn++ % 3]?.ip}:18083/`,
      concurrency: 4,
      ratePerSecond: 150,
      timeoutMs: 5_000,
      maxMs: 120_000,
    });
    const change = async (spec: (from: Record<string, never>) => object) => {
      const { ID, Version, Spec } = await docker.getService('web').inspect();
      await docker.getService(ID).update({ ...spec(Spec), version: Version.Index });
    };
    await change((spec: { TaskTemplate?: { ContainerSpec?: object } }) => ({
      ...spec,
      TaskTemplate: {
        ...spec.TaskTemplate,
        ContainerSpec: { ...spec.TaskTemplate?.ContainerSpec, Env: ['VERSION=2'] },
      },
    }));
    await until(
      'the update is complete',
      async () => (await docker.getService('web').inspect()).UpdateStatus?.State === 'completed',
      { timeoutMs: 90_000 },
    );
    await change((spec) => ({ ...spec, Mode: { Replicated: { Replicas: 4 } } }));
    await running('web', 4);
    const h3 = await nodeNamed('h3');
    const availability = async (Availability: string) => {
      const { Version, Spec } = await docker.getNode(h3.ID).inspect();
      await docker.getNode(h3.ID).update({ ...Spec, Availability, version: Version.Index } as never);
    };
    await availability('drain');
    try {
      await until(
        'h3 is empty',
        async () => live(await tasksOf('web')).every(({ NodeID }) => NodeID !== h3.ID),
        { timeoutMs: 60_000 },
      );
      await until(
        'nothing of it runs on h3',
        async () => (await containersOn(cluster.host('h3'), 'web')).length === 0,
        { timeoutMs: 30_000 },
      );
    } finally {
      await availability('active');
    }
    const { ok, failed, failures } = await load.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
    expect(ok).toBeGreaterThan(500);
  });
});

describe('other network modes', () => {
  it('host, none, and a bridge that each host has for itself', async () => {
    const predefined = async (name: string) => (await docker.getNetwork(name).inspect()).Id as string;
    await create(
      webSpec('web', {
        container: { Env: ['PORT=18090'] },
        task: {
          Networks: [{ Target: await predefined('host') }],
          Placement: { Constraints: ['node.hostname==h1'] },
        },
      }),
    );
    await running('web', 1);
    await until('it answers on the host itself', () => httpJson(`http://${cluster.host('h1').ip}:18090/`), {
      timeoutMs: 10_000,
    });
    await create(webSpec('alone', { task: { Networks: [{ Target: await predefined('none') }] } }));
    await running('alone', 1);
    const { id } = await docker.createNetwork({ Name: 'yard', Driver: 'bridge' });
    try {
      await create(
        webSpec('yard', {
          task: { Networks: [{ Target: id }], Placement: { Constraints: ['node.hostname==h1'] } },
        }),
      );
      await running('yard', 1);
      const [container] = await containersOn(cluster.host('h1'), 'yard');
      expect(Object.keys(container?.NetworkSettings.Networks ?? {})).toEqual(['yard']);
    } finally {
      await removeServices();
      await docker.getNetwork(id).remove();
    }
  });
});

it('refuses to remove a network in use, and names who uses it', async () => {
  await create(webSpec('web', { replicas: 0, task: on('shop') }));
  await expect(docker.getNetwork('shop').remove()).rejects.toThrow(/in use.*web/);
});

it("refuses a network over the hosts' own docker0, and names host and subnet", async () => {
  const host = cluster.host('h2');
  const { IPAM } = (await host.docker().getNetwork('bridge').inspect()) as {
    IPAM: { Config: { Subnet: string }[] };
  };
  const [{ Subnet } = { Subnet: '' }] = IPAM.Config;
  const made = docker.createNetwork({
    Name: 'over',
    Driver: 'overlay',
    IPAM: { Driver: 'default', Config: [{ Subnet }] },
  });
  await expect(made).rejects.toThrow(/Docker's default bridge on node h\d \(\d+\.\d+\.0\.0\/16\)/);
});
