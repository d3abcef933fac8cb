import { faults, httpJson, Load, until } from '@shoal/testbed';
import { afterEach, describe, expect, it } from 'vitest';
import { published } from './askers.ts';
import {
  cluster,
  containersOn,
  create,
  docker,
  nodeNamed,
  removeServices,
  running,
  spread,
  tasksOf,
  webSpec,
} from './shared.ts';

afterEach(async () => {
  await faults.healAll(cluster);
  await cluster.waitReady();
  await removeServices('web', 'stay', 'ports');
});
const [, , h3] = cluster.hosts;
const checked = { Healthcheck: { Test: ['CMD', '/app/health'], Interval: 1e9 } };

const down = (host: string) =>
  until(`${host} is down`, async () => (await docker.getNode(host).inspect()).Status.State === 'down', {
    timeoutMs: 60_000,
  });

/** Waits until all tasks of a service run, on two hosts or on three, evenly. */
const spreadAs = (service: string, wanted: readonly number[]) =>
  until(
    `${service} is spread as ${wanted}`,
    async (seen) => {
      const tasks = await running(service, 6);
      const counts = await spread(tasks);
      seen(counts);
      return counts.join() === wanted.join() ? tasks : undefined;
    },
    { timeoutMs: 120_000 },
  );

const ids = (tasks: readonly { ID: string }[]) => tasks.map(({ ID }) => ID).sort();

describe('an update', () => {
  it('leaves a replica on every host, and replaces each once, start-first and stop-first', async () => {
    const Ports = [{ TargetPort: 8080, PublishedPort: 18_087, PublishMode: 'host' as const }];
    const UpdateConfig = { Parallelism: 1, Monitor: 0.1e9 };
    await create(webSpec('web', { replicas: 3, UpdateConfig: { ...UpdateConfig, Order: 'start-first' } }));
    await create(webSpec('ports', { replicas: 3, UpdateConfig, EndpointSpec: { Ports } }));
    const update = async (name: string) => {
      await running(name, 3);
      const service = docker.getService(name);
      const { Spec, Version } = await service.inspect();
      const TaskTemplate = {
        ...Spec.TaskTemplate,
        ContainerSpec: { ...Spec.TaskTemplate.ContainerSpec, Env: ['V=2'] },
      };
      await service.update({ ...Spec, TaskTemplate, version: Version.Index });
      await until(
        `${name} is updated`,
        async (seen) => {
          const { UpdateStatus } = await service.inspect();
          seen(UpdateStatus);
          return UpdateStatus?.State === 'completed';
        },
        { timeoutMs: 90_000 },
      );
      return { counts: await spread(await running(name, 3)), made: (await tasksOf(name)).length };
    };
    const even = { counts: [1, 1, 1], made: 6 };
    expect(await Promise.all(['web', 'ports'].map(update))).toEqual([even, even]);
  });
});

describe('a host that returns', () => {
  it('gets tasks again, one at a time and without a lost request; services that want none moved stay', async () => {
    await create(webSpec('web', { replicas: 6, container: checked, ...published(18_086) }));
    await create(webSpec('stay', { replicas: 6, Labels: { 'shoal.rebalance': 'off' } }));
    await spreadAs('web', [2, 2, 2]);
    await spreadAs('stay', [2, 2, 2]);
    await faults.powerOff(h3);
    await down('h3');
    const before = await spreadAs('web', [3, 3]);
    const staying = await spreadAs('stay', [3, 3]);
    const others = cluster.hosts.filter((host) => host !== h3);
    for (const { ip } of others)
      await until('it answers', () => httpJson(`http://${ip}:18086/`), { timeoutMs: 10_000 });
    let turn = 0;
    const load = Load.start({
      target: () => `http://${others[turn++ % others.length]?.ip}:18086/`,
      concurrency: 4,
      ratePerSecond: 100,
      timeoutMs: 5_000,
      maxMs: 240_000,
    });
    await faults.powerOn(h3);
    await cluster.waitReady();
    const after = await spreadAs('web', [2, 2, 2]);
    await until(
      'the moved tasks have stopped',
      async () => {
        const old = (await tasksOf('web')).filter(({ Status }) => /rebalanced/.test(Status.Message ?? ''));
        return old.length === 2 && old.every(({ Status }) => Status.State === 'shutdown');
      },
      { timeoutMs: 60_000 },
    );
    const { ok, failed, failures } = await load.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
    expect(ok).toBeGreaterThan(200);
    expect(before.filter(({ ID }) => after.some((task) => task.ID === ID))).toHaveLength(4);
    expect(ids(await running('stay', 6))).toEqual(ids(staying));
  });

  it('goes on with tasks that nothing has replaced', async () => {
    const { ID } = await nodeNamed('h3');
    const Placement = { Constraints: ['node.hostname==h3'] };
    await create(webSpec('stay', { task: { Placement } }));
    const [task] = await running('stay', 1);
    const [container] = await containersOn(h3, 'stay');
    await faults.cut(h3);
    await down('h3');
    await until(
      'its successor waits',
      async () => (await tasksOf('stay')).some(({ Status }) => Status.State === 'pending'),
      { timeoutMs: 30_000 },
    );
    await faults.heal(h3);
    await cluster.waitReady();
    expect((await running('stay', 1)).map((one) => [one.ID, one.NodeID])).toEqual([[task?.ID, ID]]);
    expect((await containersOn(h3, 'stay')).map(({ Id }) => Id)).toEqual([container?.Id]);
  });
});
