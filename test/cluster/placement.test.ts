import { type TaskView, until } from '@shoal/testbed';
import { afterEach, expect, it } from 'vitest';
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

const network = 'placement-lan';

afterEach(async () => {
  for (const { name } of cluster.hosts) await label(name, undefined);
  await removeServices();
  for (const { Id, Name } of await docker.listNetworks())
    if (Name === network) await docker.getNetwork(Id).remove();
});

/** Sets, or takes away, what allows a host to give tasks all of its rights. */
async function label(host: string, value: string | undefined): Promise<void> {
  const { ID, Version, Spec } = await nodeNamed(host);
  const { 'shoal.allow-privileged': _, ...others } =
    (Spec as { Labels?: Record<string, string> }).Labels ?? {};
  const Labels = { ...others, ...(value !== undefined && { 'shoal.allow-privileged': value }) };
  await docker.getNode(ID).update({ ...Spec, Labels, version: Version.Index } as never);
}

const hostOf = async (task: TaskView | undefined): Promise<string> =>
  (await docker.getNode(task?.NodeID ?? '').inspect()).Description.Hostname;

const waitsWith = (service: string, text: string) =>
  until(
    `${service} waits: ${text}`,
    async (seen) => {
      const errors = live(await tasksOf(service)).map(({ Status }) => Status.Err ?? '');
      seen(errors);
      return errors.some((error) => error.includes(text));
    },
    { timeoutMs: 30_000 },
  );

it('a task gets rights, devices and namespaces of its host only where that is allowed', async () => {
  const Labels = {
    'shoal.privileged': 'on',
    'shoal.devices': '/dev/null:/dev/nothing:rw',
    'shoal.pid': 'host',
  };
  await create(webSpec('root', { Labels }));
  await waitsWith('root', '3 nodes without label shoal.allow-privileged=on');
  await label('h2', 'on');
  const [task] = await running('root', 1);
  expect(await hostOf(task)).toBe('h2');
  const [found] = await containersOn(cluster.host('h2'), 'root');
  const { HostConfig } = await cluster
    .host('h2')
    .docker()
    .getContainer(found?.Id ?? '')
    .inspect();
  expect(HostConfig).toMatchObject({
    Privileged: true,
    PidMode: 'host',
    Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/nothing', CgroupPermissions: 'rw' }],
  });
});

it('services go beside each other or keep apart, and those of a lower priority make way', async () => {
  const only = (host: string) => ({ Placement: { Constraints: [`node.hostname==${host}`] } });
  await create(webSpec('db', { task: only('h3') }));
  await create(webSpec('cache', { replicas: 2, Labels: { 'shoal.affinity': 'db' } }));
  await create(webSpec('batch', { replicas: 2, Labels: { 'shoal.anti-affinity': 'db' } }));
  await running('db', 1);
  const hosts = async (service: string) =>
    new Set(await Promise.all((await running(service, 2)).map((task) => hostOf(task))));
  expect([await hosts('cache'), await hosts('batch')]).toEqual([new Set(['h3']), new Set(['h1', 'h2'])]);
  await removeServices('cache', 'batch', 'db');

  const { Description } = await docker.getNode((await nodeNamed('h1')).ID).inspect();
  const most = { Resources: { Reservations: { NanoCPUs: Description.Resources.NanoCPUs } }, ...only('h1') };
  await create(webSpec('low', { task: most }));
  await running('low', 1);
  await create(webSpec('high', { task: most, Labels: { 'shoal.priority': '10' } }));
  await running('high', 1);
  const [gone] = (await tasksOf('low')).filter(({ DesiredState }) => DesiredState === 'shutdown');
  expect(gone?.Status.Message).toContain('preempted');
  await waitsWith('low', 'insufficient resources');
});

it('a network of driver bridge gives addresses of its range; a container has its end named as asked', async () => {
  const IPAM = { Config: [{ Subnet: '10.123.0.0/24', IPRange: '10.123.0.64/28', Gateway: '10.123.0.250' }] };
  await docker.createNetwork({ Name: network, Driver: 'bridge', IPAM } as never);
  const Networks = [{ Target: network, DriverOpts: { 'com.docker.network.endpoint.ifname': 'lan7' } }];
  await create(webSpec('named', { task: { Networks } }));
  const [task] = await running('named', 1);
  // Older ones do not know the option.
  expect(await hostOf(task)).toBe('h3');
  const host = cluster.host('h3');
  const [found] = await containersOn(host, 'named');
  const container = host.docker().getContainer(found?.Id ?? '');
  const { NetworkSettings } = await container.inspect();
  expect(NetworkSettings.Networks[network]).toMatchObject({
    Gateway: '10.123.0.250',
    IPAddress: expect.stringMatching(/^10\.123\.0\.(6[4-9]|7\d)$/),
  });
  const exec = await container.exec({ Cmd: ['ls', '/sys/class/net'], AttachStdout: true });
  let text = '';
  for await (const chunk of await exec.start({})) text += String(chunk);
  expect(text).toContain('lan7');
});
