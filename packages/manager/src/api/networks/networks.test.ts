import { describe, expect, it } from 'vitest';
import { ingressId, isEncrypted, type NetworkSpec } from '../../model/index.ts';
import { aNode, aService, aTask, withStatus } from '../../testing.ts';
import { anApi, aSpec, filters } from '../testing.ts';

const overlay = (change: Partial<NetworkSpec> = {}): NetworkSpec => ({
  Name: 'shop',
  Driver: 'overlay',
  ...change,
});
const ipam = (config: Record<string, unknown>) => overlay({ IPAM: { Driver: 'default', Config: [config] } });

describe('create', () => {
  it('gives the network a number and a subnet of its own', async () => {
    const { call, store } = await anApi();
    const { status, body } = await call('POST', '/networks/create', overlay());
    expect([status, body]).toEqual([201, { Id: expect.stringMatching(/^id/), Warning: '' }]);
    expect(store.view.networks.get(body.Id)?.shoal).toEqual({
      number: 2,
      subnets: ['10.0.16.0/20'],
      slices: [],
      grows: true,
    });
  });

  it('takes all that docker sends', async () => {
    const { call } = await anApi();
    const sent = {
      CheckDuplicate: true,
      Driver: 'overlay',
      EnableIPv6: false,
      IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }] },
      Internal: true,
      Attachable: true,
      Ingress: false,
      ConfigOnly: false,
      ConfigFrom: null,
      Options: { encrypted: '', 'com.docker.network.driver.mtu': '1400' },
      Labels: { team: 'a' },
      Name: 'shop',
      Scope: '',
    };
    expect((await call('POST', '/networks/create', sent)).status).toBe(201);
    expect((await call('GET', '/networks/shop')).body).toEqual({
      Name: 'shop',
      Id: expect.any(String),
      Created: expect.any(String),
      Scope: 'swarm',
      Driver: 'overlay',
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }] },
      Internal: true,
      Attachable: true,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: {},
      Options: sent.Options,
      Labels: { team: 'a' },
      Peers: [],
    });
  });

  it('encrypts overlay networks by default where the cluster says so, and leaves those that are there alone', async () => {
    const { call, store } = await anApi();
    const options = async (Name: string, change: Partial<NetworkSpec> = {}) => {
      expect((await call('POST', '/networks/create', overlay({ Name, ...change }))).status).toBe(201);
      return (await call('GET', `/networks/${Name}`)).body.Options;
    };
    const byDefault = (Labels: Record<string, string>) =>
      store.update((tx) => {
        for (const cluster of tx.clusters.all()) tx.clusters.update({ ...cluster, Labels });
      });
    expect(await options('before')).toEqual({});
    await byDefault({ 'shoal.encrypt': 'on' });
    expect(await options('plain')).toEqual({ encrypted: '' });
    expect(await options('sized', { Options: { mtu: '1400' } })).toEqual({ mtu: '1400', encrypted: '' });
    expect(await options('open', { Options: { encrypted: 'false' } })).toEqual({ encrypted: 'false' });
    expect(await options('local', { Driver: 'bridge' })).toEqual({});
    expect((await call('GET', '/networks/before')).body.Options).toEqual({});
    await byDefault({ 'shoal.encrypt': 'off' });
    expect(await options('after')).toEqual({});
    const encrypted = [...store.view.networks.all()].filter(({ Spec }) => isEncrypted(Spec));
    expect(encrypted.map(({ Spec }) => Spec.Name)).toEqual(['plain', 'sized']);
  });

  it('takes a range, a gateway and others for networks of driver bridge as Docker does', async () => {
    const { call } = await anApi();
    const Config = [
      {
        Subnet: '10.9.0.0/29',
        IPRange: '10.9.0.4/30',
        Gateway: '10.9.0.6',
        AuxiliaryAddresses: { router: '10.9.0.5' },
      },
    ];
    const sent = { Name: 'local', Driver: 'bridge', IPAM: { Config } };
    expect((await call('POST', '/networks/create', sent)).status).toBe(201);
    expect((await call('GET', '/networks/local')).body.IPAM.Config).toEqual(Config);
  });

  it.each<[NetworkSpec, number, RegExp]>([
    [overlay({ Name: 'host' }), 403, /^operation is not permitted on predefined host network/],
    [overlay({ Name: 'a b' }), 400, /name must be valid as a DNS name component/],
    [overlay({ Name: 'taken' }), 409, /^network with name taken already exists$/],
    [overlay({ Driver: 'macvlan' }), 400, /^Driver: network driver "macvlan" is not served/],
    [overlay({ EnableIPv6: true }), 400, /^EnableIPv6: /],
    [overlay({ ConfigOnly: true }), 400, /^ConfigOnly: /],
    [overlay({ ConfigFrom: { Network: 'x' } }), 400, /^ConfigFrom: /],
    [overlay({ Scope: 'local' }), 400, /^Scope: /],
    [overlay({ Ingress: true }), 409, /ingress network \(ingress0+\) is already present/],
    [overlay({ IPAM: { Driver: 'dhcp' } }), 400, /^IPAM.Driver: /],
    [overlay({ Options: { vlan: '1' } }), 400, /^Options\["vlan"\]: /],
    [
      overlay({ Options: { encrypted: 'no' } }),
      400,
      /^Options\["encrypted"\]: must be true, false or left out/,
    ],
    [overlay({ Options: { mtu: '12' } }), 400, /MTU must be 576 to 65535/],
    [ipam({ Subnet: '10.9.0.1/24' }), 400, /^IPAM.Config\[0\].Subnet: .*it should be 10\.9\.0\.0\/24/],
    [ipam({ Subnet: 'web' }), 400, /invalid CIDR address: web/],
    [ipam({ Subnet: 'fd00::/64' }), 400, /invalid CIDR address: fd00::\/64/],
    [ipam({ Gateway: '10.9.0.1' }), 400, /must have a corresponding subnet/],
    [
      ipam({ Subnet: '10.9.0.0/24', Gateway: '10.8.0.1' }),
      400,
      /invalid gateway .* doesn't contain this address/,
    ],
    [ipam({ Subnet: '10.9.0.0/24', IPRange: '10.8.0.0/25' }), 400, /doesn't contain ip-range/],
    [ipam({ Subnet: '10.9.0.0/24', IPRange: '10.9.0.0/23' }), 400, /ip-range/],
    [
      {
        Name: 'local',
        Driver: 'bridge',
        IPAM: { Config: [{ Subnet: '10.9.0.0/24' }, { Subnet: '10.8.0.0/24' }] },
      },
      400,
      /^IPAM.Config\[1\]: a network of driver bridge has one subnet/,
    ],
    [ipam({ Subnet: '10.9.0.0/30' }), 400, /too small .* \/28 or larger/],
    [ipam({ Subnet: '172.30.0.0/16' }), 403, /Pool overlaps .* subnet 172\.30\.0\.0\/16 and network taken/],
    [ipam({ Subnet: '192.168.0.0/16' }), 403, /and node n1 \(192\.168\.1\.5\)/],
    [ipam({ Subnet: '172.29.7.0/24' }), 403, /and 172\.29\.7\.53, which node n2 needs/],
    [ipam({ Subnet: '172.28.0.0/24' }), 403, /and a link of node n2 \(172\.28\.0\.0\/16\)/],
    [ipam({ Subnet: '172.17.0.0/16' }), 403, /and Docker's default bridge on node n2 \(172\.17\.0\.0\/16\)/],
    [ipam({ Subnet: '172.17.9.0/24' }), 403, /and Docker's default bridge on node n2/],
    [ipam({ Subnet: '198.19.0.0/24' }), 403, /and those that hosts have in VXLAN/],
    [ipam({ Subnet: '127.8.0.0/24' }), 403, /and the loopback addresses of each host/],
    [ipam({ Subnet: '169.254.0.0/16' }), 403, /and the link-local addresses/],
  ])('%j is refused', async (spec, status, message) => {
    const { call } = await anApi((tx) => {
      tx.nodes.create(aNode('n1', { reported: { address: '192.168.1.5' } }));
      const underlay = {
        addresses: ['172.28.1.2', '172.29.7.53'],
        subnets: ['172.28.0.0/16'],
        defaultBridge: '172.17.0.0/16',
      };
      tx.nodes.create(
        aNode('n2', { reported: { address: '172.28.1.2', underlay }, allotted: { number: 2 } }),
      );
    });
    const taken = { Name: 'taken', Driver: 'overlay', IPAM: { Config: [{ Subnet: '172.30.1.0/24' }] } };
    await call('POST', '/networks/create', taken);
    const answer = await call('POST', '/networks/create', spec);
    expect(answer).toMatchObject({ status, body: { message: expect.stringMatching(message) } });
  });
});

describe('list', () => {
  it.each([
    [{}, ['bridge', 'host', 'none', 'shop', 'ingress']],
    [{ driver: ['overlay'] }, ['shop', 'ingress']],
    [{ name: ['ho'] }, ['host', 'shop']],
    [{ name: ['^ho'] }, ['host']],
    [{ scope: ['local'] }, ['bridge', 'host', 'none']],
    [{ type: ['custom'] }, ['shop', 'ingress']],
    [{ label: ['team=a'] }, ['shop']],
    [{ dangling: ['true'] }, ['shop']],
    [{ id: [ingressId] }, ['ingress']],
  ])('with %j gives %j', async (wanted, names) => {
    const { call } = await anApi();
    await call('POST', '/networks/create', overlay({ Labels: { team: 'a' } }));
    const { body } = await call('GET', `/networks?${filters(wanted)}`);
    expect(body.map(({ Name }: { Name: string }) => Name)).toEqual(names);
  });
});

const seeded = async (ask?: Parameters<typeof anApi>[1]) => {
  const api = await anApi((tx) => {
    tx.nodes.create(
      aNode('n1', { reported: { description: { Hostname: 'alpha' }, address: '192.168.1.5' } }),
    );
  }, ask);
  const { body } = await api.call('POST', '/networks/create', overlay());
  const service = await api.call(
    'POST',
    '/services/create',
    aSpec({
      TaskTemplate: { ContainerSpec: { Image: 'web:1' }, Networks: [{ Target: 'shop', Aliases: ['www'] }] },
      EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080 }] },
    }),
  );
  expect(service.status).toBe(201);
  return { ...api, networkId: String(body.Id), serviceId: String(service.body.ID) };
};

describe('inspect', () => {
  it("finds the daemons' own networks where docker looks for a service's", async () => {
    const { call } = await anApi();
    expect((await call('GET', '/networks/host?scope=swarm')).body).toMatchObject({
      Name: 'host',
      Scope: 'swarm',
    });
    expect((await call('GET', '/networks/none')).body).toMatchObject({ Driver: 'null', Scope: 'local' });
    expect((await call('GET', '/networks/ingress?scope=local')).status).toBe(404);
    expect((await call('GET', '/networks/shop')).body).toEqual({ message: 'network shop not found' });
  });

  it('shows hosts, services, addresses and slices', async () => {
    const { call, store, networkId, serviceId } = await seeded();
    await store.update((tx) => {
      const network = tx.networks.get(networkId);
      if (!network) throw new Error('gone');
      const slices = [...network.shoal.slices, { owner: 'n1', cidr: '10.0.16.64/26' }];
      tx.networks.update({ ...network, shoal: { ...network.shoal, slices } });
      const attachments = [{ networkId, address: '10.0.16.66' }];
      tx.tasks.create(
        aTask('t1', {
          ServiceID: serviceId,
          NodeID: 'n1',
          shoal: { specVersion: 1, ports: [], networks: [networkId], attachments },
        }),
      );
    });
    const { body } = await call('GET', '/networks/shop?verbose=true');
    expect(body.Peers).toEqual([{ Name: 'alpha', IP: '192.168.1.5' }]);
    const VIP = body.Services.web.VIP;
    expect(VIP).toMatch(/^10\.0\.16\.\d+$/);
    expect(body.Services.web).toMatchObject({
      Ports: ['Target: 80, Publish: 8080'],
      Tasks: [{ Name: 'web.1.t1', EndpointIP: '10.0.16.66', Info: { 'Host IP': '192.168.1.5' } }],
    });
    expect((await call('GET', '/shoal/v1/networks/shop')).body).toMatchObject({
      name: 'shop',
      subnets: ['10.0.16.0/20'],
      slices: [
        { cidr: '10.0.16.0/26', services: true },
        { cidr: '10.0.16.64/26', hostname: 'alpha' },
      ],
      services: [{ name: 'web', vip: VIP, endpoints: [{ task: 't1', address: '10.0.16.66' }] }],
    });
    await store.update((tx) => {
      const node = tx.nodes.get('n1');
      if (node) tx.nodes.update({ ...node, judged: { state: 'down' } });
      const task = tx.tasks.get('t1');
      if (task) tx.tasks.update(withStatus(task, { State: 'running' }));
    });
    const { body: after } = await call('GET', '/networks/shop?verbose=true');
    expect({ Peers: after.Peers, Tasks: after.Services.web.Tasks }).toEqual({ Peers: [], Tasks: [] });
    // It keeps its address, for the time when it is back.
    expect((await call('GET', '/shoal/v1/networks/shop')).body.services[0].endpoints).toMatchObject([
      { task: 't1', address: '10.0.16.66', state: 'orphaned' },
    ]);
    expect((await call('GET', '/tasks/t1')).body.NetworksAttachments).toMatchObject([
      {
        Network: { ID: networkId, Spec: { Name: 'shop', DriverConfiguration: { Name: 'overlay' } } },
        Addresses: ['10.0.16.66/20'],
      },
    ]);
  });
});

describe('traffic', () => {
  it('of each service is summed, and hosts that do not answer are named', async () => {
    const services: object[] = [];
    const { call, serviceId } = await seeded(async () => ({ services }));
    const traffic = async () => (await call('GET', '/shoal/v1/networks/shop')).body;
    expect((await traffic()).services[0].traffic).toEqual({ connections: 0, bytes: 0, nodes: [] });
    services.push(
      { serviceId, connections: 3, bytes: 700 },
      { serviceId: 'other', connections: 1, bytes: 1 },
    );
    const { unanswered, services: shown } = await traffic();
    expect(shown).toHaveLength(1);
    expect(shown[0].traffic).toEqual({
      connections: 3,
      bytes: 700,
      nodes: [{ node: 'n1', hostname: 'alpha', connections: 3, bytes: 700 }],
    });
    expect(unanswered).toEqual([]);
    const { call: again } = await seeded();
    expect((await again('GET', '/shoal/v1/networks/shop')).body.unanswered).toEqual([
      { node: 'n1', hostname: 'alpha', why: 'the node is not connected to the manager' },
    ]);
  });
});

describe('doctor', () => {
  it('asks the hosts, and is not well when one is away', async () => {
    const well = { trouble: '', repaired: [], names: [], ways: [] };
    const { call } = await seeded(async () => well);
    const { status, body } = await call('GET', '/shoal/v1/doctor/networks');
    expect([status, body.healthy]).toEqual([200, true]);
    const { call: again } = await seeded();
    expect((await again('GET', '/shoal/v1/doctor/networks')).body).toMatchObject({
      healthy: false,
      checks: [{ from: 'alpha', check: 'agent', ok: false, says: expect.stringContaining('not connected') }],
    });
  });
});

describe('remove', () => {
  it('hides the network at once, and leaves name and number to its successor only when it is gone', async () => {
    const { call, store } = await anApi();
    const { body } = await call('POST', '/networks/create', overlay());
    expect((await call('DELETE', '/networks/shop')).status).toBe(204);
    expect((await call('GET', '/networks/shop')).status).toBe(404);
    expect((await call('DELETE', '/networks/shop')).status).toBe(404);
    expect(store.view.networks.get(body.Id)?.shoal.removing).toBe(true);
    expect((await call('POST', '/networks/create', overlay())).status).toBe(201);
  });

  it('is refused while somebody uses the network, and for those that are always there', async () => {
    const { call, networkId, serviceId } = await seeded();
    expect(await call('DELETE', '/networks/shop')).toMatchObject({
      status: 403,
      body: { message: `network ${networkId} is in use by service ${serviceId} (web)` },
    });
    expect(await call('DELETE', '/networks/bridge')).toMatchObject({
      status: 403,
      body: { message: 'bridge is a pre-defined network and cannot be removed' },
    });
    expect((await call('DELETE', '/networks/ingress')).status).toBe(403);
    await call('DELETE', '/services/web');
    expect((await call('DELETE', '/networks/shop')).status).toBe(204);
  });

  it('of all that nobody uses keeps the rest', async () => {
    const { call } = await seeded();
    await call('POST', '/networks/create', overlay({ Name: 'idle' }));
    await call('POST', '/networks/create', overlay({ Name: 'kept', Labels: { keep: '' } }));
    const prune = (wanted: Record<string, string[]>) => call('POST', `/networks/prune?${filters(wanted)}`);
    expect((await prune({ until: ['1h'] })).body).toEqual({ NetworksDeleted: null });
    expect((await prune({ 'label!': ['keep'] })).body).toEqual({ NetworksDeleted: ['idle'] });
    expect((await prune({})).body).toEqual({ NetworksDeleted: ['kept'] });
  });
});

it('single containers are not connected', async () => {
  const { call } = await anApi();
  expect((await call('POST', '/networks/ingress/connect', { Container: 'x' })).status).toBe(501);
  expect((await call('POST', '/networks/x/disconnect', { Container: 'x' })).status).toBe(404);
});

it('a service keeps its name on the network while another of the name is being removed', async () => {
  const { call } = await anApi((tx) => {
    tx.services.create(aService('old', { Spec: aSpec(), shoal: { specVersion: 1, removing: true } }));
  });
  expect((await call('POST', '/services/create', aSpec())).status).toBe(201);
});
