import { until } from '@shoal/testbed';
import { afterAll, describe, expect, it } from 'vitest';
import {
  cli,
  clients,
  cluster,
  containersOn,
  create,
  docker,
  image,
  live,
  lives,
  removeServices,
  running,
  spread,
  tasksOf,
} from './shared.ts';

const MiB = 2 ** 20;
const spec = (Name: string) =>
  ({
    Name,
    TaskTemplate: { ContainerSpec: { Image: image } },
    Mode: { Replicated: { Replicas: 3 } },
  }) as Parameters<typeof create>[0];

const client = async () => (await clients())[0]?.path ?? 'docker';
const update = async (service: string, ...flags: string[]) => {
  const { code, err } = await cli(await client(), 'service', 'update', '--quiet', ...flags, service);
  expect([code, err]).toEqual([0, '']);
};
const statusOf = async (service: string) => (await docker.getService(service).inspect()).UpdateStatus;

/** Memory limit, CPUs and PIDs of each container, as its daemon has them, and what the kernel has of memory and PIDs. */
async function limits(service: string): Promise<unknown[]> {
  const perHost = await Promise.all(
    cluster.hosts.map(async (host) => {
      const found = await containersOn(host, service);
      return Promise.all(
        found.map(async ({ Id }) => {
          const { HostConfig } = await host.docker().getContainer(Id).inspect();
          const files = 'memory.max memory/memory.limit_in_bytes pids.max pids/pids.max';
          const kernel = await host.sh(
            `docker exec ${Id} sh -c 'cd /sys/fs/cgroup; cat ${files} 2>/dev/null; true'`,
          );
          const pids = Math.max(0, HostConfig.PidsLimit ?? 0);
          return [HostConfig.Memory, HostConfig.NanoCpus, pids, ...kernel.trim().split('\n')];
        }),
      );
    }),
  );
  return perHost.flat();
}

const limited = (service: string, ...wanted: (number | string)[]) =>
  until(
    `all containers of ${service} have ${wanted}`,
    async (seen) => {
      const found = await limits(service);
      seen(found);
      return found.length === 3 && found.every((one) => JSON.stringify(one) === JSON.stringify(wanted));
    },
    { timeoutMs: 30_000 },
  );

afterAll(() => removeServices('kept', 'cramped'));

describe('an update', () => {
  it('that no new container is needed for keeps the ones there are', async () => {
    await create(spec('kept'));
    await running('kept', 3);
    const before = await lives('kept');
    expect(before).toHaveLength(3);

    // Defaults said aloud, and a constraint that all meet.
    const aloud = ['--restart-condition=any', '--restart-delay=5s', '--restart-max-attempts=0'];
    await update('kept', '--detach', ...aloud, '--stop-grace-period=10s');
    await update('kept', '--detach', '--constraint-add=node.platform.os==linux', '--stop-grace-period=3s');
    expect(await statusOf('kept')).toBeUndefined();

    // The client waits until the service has converged.
    await update('kept', '--limit-memory=64M', '--limit-cpu=1', '--limit-pids=50', '--reserve-memory=16M');
    await limited('kept', 64 * MiB, 1e9, 50, `${64 * MiB}`, '50');
    await update('kept', '--detach', '--limit-memory=96M', '--limit-pids=0');
    await limited('kept', 96 * MiB, 1e9, 0, `${96 * MiB}`, 'max');
    const { code } = await cli(await client(), 'service', 'rollback', '--detach', 'kept');
    expect(code).toBe(0);
    await limited('kept', 64 * MiB, 1e9, 50, `${64 * MiB}`, '50');
    const tasks = live(await tasksOf('kept')) as unknown as {
      Spec: { Resources?: { Limits?: { MemoryBytes?: number } } };
    }[];
    expect(tasks.map(({ Spec }) => Spec.Resources?.Limits?.MemoryBytes)).toEqual(
      [64, 64, 64].map((n) => n * MiB),
    );
    expect(await lives('kept')).toEqual(before);
  });

  it('to limits that no daemon gives is taken back, and the containers stay', async () => {
    const before = await lives('kept');
    await update('kept', '--detach', '--limit-cpu=1000');
    await until(
      'it was rolled back',
      async (seen) => {
        const status = await statusOf('kept');
        seen(status);
        return status?.State === 'rollback_completed';
      },
      { timeoutMs: 60_000 },
    );
    expect((await statusOf('kept'))?.Message).toMatch(
      /^rollback completed; update rolled back due to .*CPUs/,
    );
    await running('kept', 3);
    expect(await lives('kept')).toEqual(before);
  });

  it('goes on where each host may run one replica, though the new ones start first; where memory is short for that, it pauses and says why', async () => {
    const [node] = await docker.listNodes();
    const bytes = Math.round((node?.Description?.Resources?.MemoryBytes ?? 0) * 0.6);
    const cramped = spec('cramped');
    await create({
      ...cramped,
      TaskTemplate: {
        ...cramped.TaskTemplate,
        Placement: { MaxReplicas: 1 },
        Resources: { Reservations: { MemoryBytes: 8 * MiB } },
      },
      UpdateConfig: { Order: 'start-first', FailureAction: 'pause', Parallelism: 1 },
    } as typeof cramped);
    await running('cramped', 3);
    const updated = (state: string) =>
      until(
        `the update is ${state}`,
        async (seen) => {
          const now = await statusOf('cramped');
          seen(now);
          return now?.State === state ? now : undefined;
        },
        { timeoutMs: 60_000 },
      );
    await update('cramped', '--detach', '--env-add=A=1');
    await updated('completed');
    expect(await spread(await running('cramped', 3))).toEqual([1, 1, 1]);

    await update('cramped', '--detach', `--reserve-memory=${bytes}`);
    await until(
      'all reserve most of their hosts',
      async () =>
        (await running('cramped', 3)).every(
          ({ Spec }) => Spec.Resources?.Reservations?.MemoryBytes === bytes,
        ),
      { timeoutMs: 30_000 },
    );
    const before = await lives('cramped');
    await update('cramped', '--detach', '--env-add=A=2');
    expect((await updated('paused')).Message).toMatch(
      /^update paused due to lack of a node for slot \d: no suitable node \(insufficient resources on 3 nodes/,
    );
    expect(await lives('cramped')).toEqual(before);
  });
});
