import { faults, type Host, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Change, Changes, decodeObject, encodeObject, type Kind } from '../../packages/proto/src/index.ts';
import { client, network, on, published, removeNetworks } from './askers.ts';
import { cli, clients, cluster, create, image, removeServices, running, webSpec } from './shared.ts';

beforeAll(() => network('ways'));
afterAll(async () => {
  await removeServices();
  await removeNetworks();
});
afterEach(async () => {
  await faults.healAll(cluster);
  await cluster.waitReady();
  await removeServices();
});

const [h1, h2, h3] = cluster.hosts;
const port = 18_097;

const answered = (host: Host) =>
  until(
    `${host.name} answers on ${port}`,
    async (seen) => {
      const { status } = await host.get(port);
      seen(status);
      return status === 200;
    },
    { timeoutMs: 30_000 },
  );

describe('the way to the manager', () => {
  it('is not published: the ports that Shoal needs are refused with the reason', async () => {
    const docker = (await clients())[0]?.path ?? '';
    const create = (...publish: string[]) =>
      cli(
        docker,
        'service',
        'create',
        '--detach',
        '--name',
        'thief',
        ...publish.flatMap((each) => ['--publish', each]),
        image,
      );
    const refused: [string, RegExp][] = [
      ['2480:8080', /port 2480\/tcp can not be published, since Shoal needs it for agents at the manager/],
      ['2476:8080', /the manager's API/],
      // The testbed's own way to the manager's socket.
      ['2475:8080', /port '2475' \(tcp\) is already in use on h1 by "socat"/],
      ['published=2481,target=8080,mode=host', /probes of host h\d/],
      ['4789:8080/udp', /traffic of networks between hosts/],
    ];
    for (const [publish, reason] of refused) {
      const { code, err } = await create(publish);
      expect([publish, code, err]).toEqual([publish, 1, expect.stringMatching(reason)]);
    }
    await create(`${port}:8080`);
    await running('thief', 1);
    const update = await cli(docker, 'service', 'update', '--detach', '--publish-add', '2480:8080', 'thief');
    expect([update.code, update.err]).toEqual([1, expect.stringMatching(/agents at the manager/)]);
    await answered(h2);
  });

  it('stays open whatever the agents were told, also after they died and came back without their manager', async () => {
    await create(webSpec('web', { replicas: 3, task: on('ways'), ...published(port) }));
    await running('web', 3);
    await faults.killProcess(h1, 'manager', { hold: true });
    for (const host of cluster.hosts) await faults.killProcess(host, 'agent', { hold: true });
    for (const host of cluster.hosts) await poison(host);
    for (const host of cluster.hosts) await faults.resume(host, 'agent');
    const ports = (host: Host) => host.sh('nft list map ip shoal ports');
    for (const host of cluster.hosts)
      await until(
        `${host.name} does what it was told last`,
        async () => (await ports(host)).includes(`${port + 1}`),
        {
          timeoutMs: 30_000,
        },
      );
    // The manager's host needs its port; the others do not, and may have it published.
    expect(await ports(h1)).not.toContain('2480');
    for (const host of cluster.hosts) {
      expect(await ports(host)).not.toContain('2481');
      expect(await host.log('agent', 500)).toMatch(
        /would cover .*, the manager|would cover .*, this host itself/,
      );
    }
    for (const host of [h2, h3]) {
      expect(await host.sh(`ip route get ${h1.ip}`)).not.toMatch(/dev sh\./);
      expect(await host.sh('ip -o link')).not.toContain('sh.n4000');
    }
    await faults.resume(h1, 'manager');
    await cluster.waitReady();
    await until('what the manager says is done', async () => !(await ports(h2)).includes(`${port + 1}`), {
      timeoutMs: 30_000,
    });
    await answered(h3);
  });
});

/**
 * As a manager of an older version could have said it last: the service is published on the ports that hosts need too, and
 * there is a network with all of the hosts' own addresses.
 */
async function poison(host: Host): Promise<void> {
  const path = '/var/lib/shoal/agent/assignments.bin';
  const told = Changes.decode(Buffer.from(await host.exec(['base64', '-w0', path]), 'base64'));
  const objects = told.changes.map((bytes) => Change.decode(bytes));
  const change = (kind: Kind, id: string, object: Buffer) =>
    Buffer.from(Change.encode({ kind, id, object }).finish());
  const changes = told.changes.map((bytes) => {
    const { kind, id, object } = Change.decode(bytes);
    if (kind !== 'service' || !object) return bytes;
    const service = decodeObject(kind, object);
    for (const each of [2480, 2481, port + 1])
      service.published.push({ protocol: 'tcp', published: each, target: 8080, name: '' });
    return change(kind, id, encodeObject(kind, service));
  });
  const block = (base: number) => `${h1.ip.replace(/\d+$/, String(base))}/26`;
  const poison = {
    id: 'poison',
    name: 'poison',
    number: 4_000,
    driver: 'overlay',
    subnets: [block(0).replace('/26', '/24')],
    internal: false,
    encrypted: false,
    mtu: 0,
    options: {},
    ipamConfig: '',
  };
  changes.push(change('network', 'poison', encodeObject('network', poison)));
  const peers = objects.flatMap(({ kind, object }) =>
    kind === 'peer' && object ? [decodeObject(kind, object)] : [],
  );
  for (const { nodeId, address } of peers) {
    const slice = { networkId: 'poison', nodeId, blocks: [block(address === host.ip ? 64 : 0)] };
    changes.push(change('slice', `poison/${nodeId}`, encodeObject('slice', slice)));
  }
  const bytes = Buffer.from(Changes.encode({ ...told, changes }).finish()).toString('base64');
  await host.sh(`echo ${bytes} | base64 -d > ${path}`);
}

describe('a connection of which one side has said that it sends no more', () => {
  it('is answered however late: connection tracking keeps it for hours, also through a VIP and a published port', async () => {
    const onHost = { Placement: { Constraints: ['node.hostname==h2'] } };
    const serve = `require('net').createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {}).on('data', () => {}).on('end', () => setTimeout(() => socket.end('late'), 8000));
    }).listen(8080); process.on('SIGTERM', () => process.exit());`;
    const container = { Command: ['node', '-e', serve] };
    await create(webSpec('late', { container, task: { ...on('ways'), ...onHost }, ...published(port) }));
    await running('late', 1);
    const asker = await client('asker', 'h1', 'ways');
    const [own = ''] = await asker.lookup('tasks.late');
    const ask = (host: string, at: number) =>
      asker.run(
        'node',
        '-e',
        `const socket = require('net').connect(${at}, '${host}', () => socket.end('question'));
         socket.on('data', (data) => console.log(String(data))).on('error', (error) => console.log(error.code));`,
      );
    const answers = Promise.all([ask('late', 8080), ask(own, 8080), ask(h3.ip, port)]);
    /** Seconds for which a host remembers its half-closed connections to the service. */
    const remembered = async (host: Host) => {
      const listed = await host.sh('conntrack -L -p tcp --state CLOSE_WAIT 2>/dev/null');
      const lines = listed.split('\n').filter((line) => / dport=(8080|18097) /.test(line));
      return lines.map((line) => Number(/tcp +6 (\d+)/.exec(line)?.[1]));
    };
    const found = ([host, count]: readonly [Host, number]) =>
      until(
        `${host.name} tracks ${count} half-closed connections`,
        async (seen) => {
          const seconds = await remembered(host);
          seen(seconds);
          return seconds.length === count && seconds;
        },
        { timeoutMs: 20_000 },
      );
    const everywhere = (
      [
        [h1, 3],
        [h2, 3],
        [h3, 1],
      ] as const
    ).map(found);
    expect(Math.min(...(await Promise.all(everywhere)).flat())).toBeGreaterThan(3_600);
    expect((await answers).map((text) => text.trim())).toEqual(['late', 'late', 'late']);
  });
});
