import { describe, expect, it } from 'vitest';
import { ingressId, type ServiceSpec } from '../../model/index.ts';
import type { Tx } from '../../store/index.ts';
import { aNode } from '../../testing.ts';
import { anApi, aSpec } from '../testing.ts';

const ContainerSpec = { Image: 'web:1' };
const on = (networks: readonly object[], change: Partial<ServiceSpec> = {}): ServiceSpec =>
  aSpec({ TaskTemplate: { ContainerSpec, Networks: [...networks] }, ...change });
const published = (...Ports: NonNullable<NonNullable<ServiceSpec['EndpointSpec']>['Ports']>) => ({
  EndpointSpec: { Ports },
});

const anApiWithNetworks = async (seed?: (tx: Tx) => void) => {
  const api = await anApi(seed);
  const create = async (Name: string, change = {}) =>
    String((await api.call('POST', '/networks/create', { Name, Driver: 'overlay', ...change })).body.Id);
  const ids = { shop: await create('shop'), back: await create('back') };
  await create('tiny', { IPAM: { Config: [{ Subnet: '172.20.0.0/28' }] } });
  const serve = (spec: ServiceSpec) => api.call('POST', '/services/create', spec);
  const update = async (name: string, spec: ServiceSpec, query = '') => {
    const { body } = await api.call('GET', `/services/${name}`);
    return api.call('POST', `/services/${name}/update?version=${body.Version.Index}${query}`, spec);
  };
  const inspect = async (name: string) => (await api.call('GET', `/services/${name}`)).body;
  return { ...api, ids, serve, update, inspect };
};

describe('a service on networks', () => {
  it('has an address on each, and one on the ingress network for its ports', async () => {
    const { serve, inspect, ids } = await anApiWithNetworks();
    const spec = on(
      [{ Target: 'shop', Aliases: ['www'] }, { Target: ids.back }],
      published({ TargetPort: 80 }),
    );
    expect((await serve(spec)).status).toBe(201);
    const { Spec, Endpoint } = await inspect('web');
    expect(Spec.TaskTemplate.Networks).toEqual([
      { Target: ids.shop, Aliases: ['www'] },
      { Target: ids.back },
    ]);
    expect(Endpoint).toEqual({
      Spec: { Mode: 'vip', Ports: [{ TargetPort: 80, Protocol: 'tcp' }] },
      Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 30_000, PublishMode: 'ingress' }],
      VirtualIPs: [
        { NetworkID: ids.shop, Addr: expect.stringMatching(/^10\.0\.16\.\d+\/20$/) },
        { NetworkID: ids.back, Addr: expect.stringMatching(/^10\.0\.32\.\d+\/20$/) },
        { NetworkID: ingressId, Addr: expect.stringMatching(/^10\.0\.0\.\d+\/20$/) },
      ],
    });
  });

  it('keeps address and port over updates, and has none with dnsrr', async () => {
    const { serve, update, inspect, store } = await anApiWithNetworks();
    const before = on([{ Target: 'shop' }], published({ TargetPort: 80 }));
    await serve(before);
    const { Endpoint } = await inspect('web');
    const image = { ContainerSpec: { Image: 'web:2' }, Networks: [{ Target: 'shop' }] };
    expect((await update('web', { ...before, TaskTemplate: image })).status).toBe(200);
    expect((await inspect('web')).Endpoint).toEqual(Endpoint);
    const dnsrr = on([{ Target: 'shop' }], { EndpointSpec: { Mode: 'dnsrr' } });
    expect((await update('web', dnsrr)).status).toBe(200);
    expect((await inspect('web')).Endpoint).toEqual({ Spec: { Mode: 'dnsrr' } });
    const [service] = store.view.services.all();
    expect(service?.shoal).toMatchObject({ attachments: [{ networkId: expect.any(String) }], ports: [] });
    expect((await update('web', before, '&rollback=previous')).status).toBe(200);
    expect((await inspect('web')).Endpoint.Ports).toEqual(Endpoint.Ports);
  });

  it('may be named in the old place, and is shown in the new', async () => {
    const { serve, inspect, ids } = await anApiWithNetworks();
    await serve(aSpec({ Networks: [{ Target: 'shop' }] }));
    const { Spec } = await inspect('web');
    expect([Spec.Networks, Spec.TaskTemplate.Networks]).toEqual([undefined, [{ Target: ids.shop }]]);
  });

  it('takes options of the containers’ ends', async () => {
    const { serve, inspect } = await anApiWithNetworks();
    const DriverOpts = {
      'com.docker.network.endpoint.ifname': 'lan0',
      'com.docker.network.endpoint.sysctls':
        'net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.neigh.IFNAME.retrans_time_ms=500',
    };
    await serve(on([{ Target: 'shop', DriverOpts }]));
    expect((await inspect('web')).Spec.TaskTemplate.Networks[0].DriverOpts).toEqual(DriverOpts);
  });

  it('has its tasks replaced when the networks change, not when a port does', async () => {
    const { serve, update, store } = await anApiWithNetworks();
    const version = () => [...store.view.services.all()][0]?.shoal.specVersion;
    await serve(on([{ Target: 'shop' }], published({ TargetPort: 80 })));
    await update('web', on([{ Target: 'shop' }], published({ TargetPort: 81 })));
    expect(version()).toBe(1);
    await update('web', on([{ Target: 'back' }], published({ TargetPort: 81 })));
    expect(version()).toBe(2);
    await update('web', on([{ Target: 'back' }]));
    expect(version()).toBe(3);
  });

  it.each<[ServiceSpec, number, RegExp]>([
    [on([{ Target: 'gone' }]), 404, /^network gone not found$/],
    [on([{}]), 400, /^TaskTemplate.Networks\[0\].Target: /],
    [
      on([{ Target: 'ingress' }]),
      400,
      /cannot be explicitly attached to the ingress network "ingress" \(TaskTemplate.Networks\[0\].Target\)$/,
    ],
    [on([{ Target: 'shop' }, { Target: 'shop' }]), 400, /network shop is named twice/],
    [on([{ Target: 'host' }, { Target: 'shop' }]), 400, /network host can not be combined/],
    [on([{ Target: 'host', Aliases: ['a'] }]), 400, /aliases are only supported for user-defined networks/],
    [
      on([{ Target: 'shop', DriverOpts: { a: 'b' } }]),
      400,
      /^TaskTemplate.Networks\[0\].DriverOpts\["a"\]: not served; networks take com.docker.network.endpoint.sysctls,/,
    ],
    [
      on([
        { Target: 'shop', DriverOpts: { 'com.docker.network.endpoint.ifname': 'longer-than-linux-takes' } },
      ]),
      400,
      /must be the name of an interface, 15 characters at most/,
    ],
    [
      on([
        { Target: 'shop', DriverOpts: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.ip_forward=1' } },
      ]),
      400,
      /must be net\.PROTOCOL/,
    ],
    [
      on([{ Target: 'host', DriverOpts: { 'com.docker.network.endpoint.ifname': 'a' } }]),
      400,
      /only networks that people made take options/,
    ],
    [on([{ Target: 'shop', Aliases: ['a b'] }]), 400, /Aliases\[0\]: "a b" is not a valid host name/],
    [
      on([{ Target: 'host' }], published({ TargetPort: 80 })),
      400,
      /ports can not be published with network host/,
    ],
    [on([{ Target: 'bridge' }], published({ TargetPort: 80 })), 400, /with network bridge, .*use mode=host/],
    [
      aSpec({
        TaskTemplate: {
          ContainerSpec: { Image: 'web:1', Sysctls: { 'net.core.somaxconn': '9' } },
          Networks: [{ Target: 'host' }],
        },
      }),
      400,
      /Sysctls\["net\.core\.somaxconn"\]: can not be set with network host/,
    ],
    [on([{ Target: 'shop' }], { Networks: [{ Target: 'back' }] }), 400, /^Networks: /],
    [aSpec({ Labels: { 'shoal.network': 'service:web' } }), 400, /can't share its own network$/],
    [on([{ Target: 'shop' }], { Labels: { 'shoal.network': 'service:first' } }), 400, /networks of its own/],
  ])('is refused where no host could make it: %j', async (spec, status, message) => {
    const { serve, store } = await anApiWithNetworks();
    await serve(aSpec({ Name: 'first' }));
    expect(await serve(spec)).toMatchObject({ status, body: { message: expect.stringMatching(message) } });
    expect(store.view.services.size).toBe(1);
  });

  it.each(['host', 'none', 'bridge'])('may have network %s instead, by name or id', async (name) => {
    const { serve, inspect } = await anApiWithNetworks();
    expect((await serve(on([{ Target: name }]))).status).toBe(201);
    expect((await inspect('web')).Endpoint).toEqual({ Spec: {} });
  });

  it('is refused when a network has no address left for it', async () => {
    const { serve } = await anApiWithNetworks();
    const answers = await Promise.all(
      Array.from({ length: 11 }, (_, i) => serve(on([{ Target: 'tiny' }], { Name: `s${i}` }))),
    );
    expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(201), 400]);
    expect(answers[10]?.body.message).toMatch(
      /no addresses left in network tiny \(172\.20\.0\.0\/28\): create it with a larger --subnet$/,
    );
  });
});

describe("a service that shares another's network", () => {
  const Labels = { 'shoal.network': 'service:first' };

  it('may come before the other, with a warning', async () => {
    const { serve } = await anApiWithNetworks();
    expect((await serve(aSpec({ Labels }))).body.Warnings).toEqual([
      'Labels["shoal.network"]: there is no service first yet; tasks wait for it',
    ]);
    await serve(aSpec({ Name: 'first' }));
    expect((await serve(aSpec({ Name: 'second', Labels }))).body.Warnings).toBe(null);
  });

  it.each<[Partial<ServiceSpec>, RegExp]>([
    [{ Labels, ...published({ TargetPort: 80 }) }, /publish the ports on service first/],
    [
      { Labels, TaskTemplate: { ContainerSpec: { ...ContainerSpec, Hostname: 'a' } } },
      /ContainerSpec.Hostname: /,
    ],
    [{ Labels: { 'shoal.network': 'service:second' } }, /shares the network of another one itself/],
  ])('is refused with anything that comes with that network: %j', async (change, message) => {
    const { serve } = await anApiWithNetworks();
    await serve(aSpec({ Name: 'first' }));
    await serve(aSpec({ Name: 'second', Labels }));
    expect(await serve(aSpec(change))).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(message) },
    });
  });
});

describe('a published port', () => {
  it('that another service has is refused with its name, until that service is removed', async () => {
    const { serve, update, call } = await anApiWithNetworks();
    const { body } = await serve(
      aSpec({ Name: 'first', ...published({ TargetPort: 80, PublishedPort: 8080 }) }),
    );
    const spec = aSpec(published({ TargetPort: 81, PublishedPort: 8080 }));
    const refusal = {
      status: 400,
      body: {
        message: `rpc error: code = InvalidArgument desc = port '8080' is already in use by service 'first' (${body.ID}) as an ingress port (EndpointSpec.Ports)`,
      },
    };
    expect(await serve(spec)).toMatchObject(refusal);
    expect((await serve(aSpec())).status).toBe(201);
    expect(await update('web', spec)).toMatchObject(refusal);
    await call('DELETE', '/services/first');
    expect((await update('web', spec)).status).toBe(200);
  });

  it.each([
    [
      { PublishedPort: 2480 },
      /2480\/tcp can not be published, since Shoal needs it for agents at the manager/,
    ],
    [{ PublishedPort: 2475 }, /needs it for the manager's API/],
    [{ PublishedPort: 2480, PublishMode: 'host' as const }, /needs it for agents at the manager/],
    [{ PublishedPort: 2499 }, /needs it for probes of host n1/],
    [
      { PublishedPort: 4789, Protocol: 'udp' as const },
      /needs it for the traffic of networks between hosts \(VXLAN\)/,
    ],
    [{ PublishedPort: 51_823, Protocol: 'udp' as const }, /needs it for the traffic of encrypted networks/],
  ])('that Shoal itself needs is refused: %j', async (port, message) => {
    const { serve, update, call } = await anApiWithNetworks((tx) => {
      const [cluster] = tx.clusters.all();
      const managerPorts = [
        { port: 2475, what: "the manager's API" },
        { port: 2480, what: 'agents at the manager' },
      ];
      if (cluster) tx.clusters.update({ ...cluster, managerPorts });
      tx.nodes.create(aNode('n1', { reported: { probePort: 2499 } }));
    });
    const spec = aSpec(published({ TargetPort: 80, ...port }));
    const refusal = { status: 400, body: { message: expect.stringMatching(message) } };
    expect(await serve(spec)).toMatchObject(refusal);
    expect((await serve(aSpec())).status).toBe(201);
    expect(await update('web', spec)).toMatchObject(refusal);
    expect((await call('GET', '/services/web')).body.Spec.EndpointSpec).toBeUndefined();
    // Another protocol's port of that number is another port.
    const other = { ...port, Protocol: 'sctp' as const };
    expect((await update('web', aSpec(published({ TargetPort: 80, ...other })))).status).toBe(200);
  });

  it('that Shoal came to need later keeps nobody from changing the service that has it', async () => {
    const { serve, update, store } = await anApiWithNetworks();
    const port = published({ TargetPort: 80, PublishedPort: 2499 });
    expect((await serve(aSpec(port))).status).toBe(201);
    await store.update((tx) => {
      tx.nodes.create(aNode('n1', { reported: { probePort: 2499 } }));
      tx.nodes.create(aNode('n2', { reported: { probePort: 2498 }, allotted: { number: 2 } }));
    });
    const scaled = { ...aSpec(port), Mode: { Replicated: { Replicas: 3 } } };
    expect(await update('web', scaled)).toMatchObject({
      status: 200,
      body: {
        Warnings: ['published port tcp/2499 is not served, since Shoal needs it for probes of host n1'],
      },
    });
    expect((await update('web', aSpec(published({ TargetPort: 80, PublishedPort: 2498 })))).status).toBe(400);
  });
});
