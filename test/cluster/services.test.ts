import { httpJson, until } from '@shoal/testbed';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cluster,
  containersOn,
  create,
  docker,
  image,
  nodeNamed,
  removeServices,
  running,
  spread,
  tasksOf,
  webSpec,
} from './shared.ts';

afterEach(() => removeServices('web', 'other'));
const errorsOf = async (service: string) => (await tasksOf(service)).map(({ Status }) => Status.Err ?? '');

describe('a container', () => {
  it('gets everything its service says', async () => {
    await create(
      webSpec('web', {
        container: {
          Env: ['COLOUR=red'],
          Labels: { team: 'blue' },
          Hostname: 'alpha',
          User: '1000:1000',
          Dir: '/tmp',
          Init: true,
          ReadOnly: true,
          StopSignal: 'SIGINT',
          StopGracePeriod: 3e9,
          Hosts: ['10.9.9.9 db'],
          DNSConfig: { Nameservers: ['10.9.9.8'], Search: ['lan'], Options: ['ndots:2'] },
          Sysctls: { 'net.core.somaxconn': '512' },
          CapabilityAdd: ['CAP_NET_RAW'],
          CapabilityDrop: ['CAP_CHOWN'],
          Ulimits: [{ Name: 'nofile', Soft: 1000, Hard: 2000 }],
          Mounts: [
            { Type: 'volume', Source: 'web-data', Target: '/data' },
            { Type: 'tmpfs', Target: '/scratch', TmpfsOptions: { SizeBytes: 1048576 } },
            { Type: 'bind', Source: '/etc/hostname', Target: '/host-name', ReadOnly: true },
          ],
          Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9 },
        },
        task: {
          Resources: {
            Limits: { NanoCPUs: 0.5e9, MemoryBytes: 128 * 2 ** 20, Pids: 50 },
            Reservations: { MemoryBytes: 64 * 2 ** 20 },
          },
          LogDriver: { Name: 'json-file', Options: { 'max-size': '1m' } },
        },
      }),
    );
    const [task] = await running('web', 1);
    const { Description } = await docker.getNode(task?.NodeID ?? '').inspect();
    const host = cluster.host(Description.Hostname);
    const [found] = await containersOn(host, 'web');
    const container = host.docker().getContainer(found?.Id ?? '');
    const { Name, Config, HostConfig, Mounts } = await container.inspect();
    expect(Name).toBe(`/web.1.${task?.ID}`);
    expect(Config).toMatchObject({
      Hostname: 'alpha',
      User: '1000:1000',
      WorkingDir: '/tmp',
      StopSignal: 'SIGINT',
      Env: expect.arrayContaining(['COLOUR=red']),
      Labels: expect.objectContaining({
        team: 'blue',
        'com.docker.swarm.task.id': task?.ID,
        'com.docker.swarm.service.name': 'web',
      }),
    });
    expect(HostConfig).toMatchObject({
      Init: true,
      ReadonlyRootfs: true,
      NanoCpus: 0.5e9,
      Memory: 128 * 2 ** 20,
      PidsLimit: 50,
      MemoryReservation: 64 * 2 ** 20,
      ExtraHosts: ['db:10.9.9.9'],
      Dns: ['10.9.9.8'],
      DnsSearch: ['lan'],
      DnsOptions: ['ndots:2'],
      Sysctls: { 'net.core.somaxconn': '512' },
      CapAdd: ['CAP_NET_RAW'],
      CapDrop: ['CAP_CHOWN'],
      Ulimits: [{ Name: 'nofile', Soft: 1000, Hard: 2000 }],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
    });
    expect(Mounts.map(({ Destination }) => Destination).sort()).toEqual(['/data', '/host-name', '/scratch']);
    await until(
      'its daemon finds it healthy, too',
      async () => (await container.inspect()).State.Health?.Status === 'healthy',
      { timeoutMs: 30_000 },
    );
    await removeServices('web');
    await host.docker().getVolume('web-data').remove();
  });
});

describe('a health check', () => {
  it('that passes makes a task run, however long its daemon waits for its own first probe', async () => {
    const Healthcheck = { Test: ['CMD', '/app/health'], Interval: 600e9 };
    await create(webSpec('web', { replicas: 2, container: { Healthcheck } }));
    await running('web', 2);
  });

  it('that hangs is ended, and is not run twice at a time', async () => {
    const Healthcheck = {
      Test: ['CMD', 'sleep', '777'],
      Interval: 600e9,
      Timeout: 0.3e9,
      StartInterval: 0.1e9,
    };
    await create(webSpec('web', { container: { Healthcheck } }));
    const host = await until(
      'it starts',
      async () => {
        const [task] = (await tasksOf('web')).filter(({ Status }) => Status.State === 'starting');
        const node = task && (await docker.getNode(task.NodeID ?? '').inspect());
        return node && cluster.host(node.Description.Hostname);
      },
      { timeoutMs: 30_000 },
    );
    const seen = new Set<string>();
    await until(
      'the check was run three times',
      async () => {
        const pids = (await host.sh('pgrep -fx "sleep 777" || true')).split('\n').filter(Boolean);
        expect(pids.length).toBeLessThan(2);
        for (const pid of pids) seen.add(pid);
        return seen.size >= 3;
      },
      { timeoutMs: 60_000, everyMs: 50 },
    );
  });
});

describe('restarts', () => {
  it('follow the policy: delay, attempts, history', async () => {
    await create(
      webSpec('web', {
        container: {
          Command: ['sh', '-c', 'exit 3'],
          // Docker calls unhealthy whatever it does not probe any more; the crash is the reason all the same.
          Healthcheck: { Test: ['CMD', 'true'], Interval: 2e9 },
        },
        task: { RestartPolicy: { Condition: 'on-failure', Delay: 0.1e9, MaxAttempts: 2 } },
      }),
    );
    const ended = await until(
      'three attempts failed',
      async (seen) => {
        const tasks = await tasksOf('web');
        seen(tasks.map(({ Status }) => `${Status.State} ${Status.Err}`));
        return tasks.length === 3 && tasks.every(({ Status }) => Status.State === 'failed') && tasks;
      },
      { timeoutMs: 30_000 },
    );
    expect(ended.map(({ Status }) => Status.Err)).toEqual(Array(3).fill('task: non-zero exit (3)'));
  });

  it('replace a container that is killed behind our back', async () => {
    await create(webSpec('web'));
    const [first] = await running('web', 1);
    for (const host of cluster.hosts) {
      for (const { Id } of await containersOn(host, 'web'))
        await host.docker().getContainer(Id).remove({ force: true });
    }
    await until('another task runs', async () => (await running('web', 1))[0]?.ID !== first?.ID, {
      timeoutMs: 30_000,
    });
  });

  it('replace a container that turns unhealthy', async () => {
    await create(
      webSpec('web', {
        container: {
          Command: ['sh', '-c', 'touch /tmp/ok; sleep 4; rm /tmp/ok; sleep 1000'],
          Healthcheck: {
            Test: ['CMD-SHELL', 'test -e /tmp/ok || { echo the file; echo is gone; exit 4; }'],
            Interval: 0.5e9,
            Retries: 1,
          },
        },
      }),
    );
    await running('web', 1);
    await until(
      'the task failed as unhealthy, with the words of its last probe',
      async (seen) => {
        const errors = await errorsOf('web');
        seen(errors);
        return errors.includes('task: unhealthy container (last probe: exit code 4: the file is gone)');
      },
      { timeoutMs: 30_000 },
    );
  });
});

describe('what can not run says why', () => {
  it('an image that does not exist', async () => {
    await create(webSpec('web', { container: { Image: cluster.image('nope:1') } }));
    await until(
      'a task was rejected',
      async (seen) => {
        const tasks = await tasksOf('web');
        seen(tasks.map(({ Status }) => Status));
        // The registry's words, not the daemon's that there is no such image.
        return tasks.some(
          ({ Status }) => Status.State === 'rejected' && /^manifest.* unknown/.test(Status.Err ?? ''),
        );
      },
      { timeoutMs: 30_000 },
    );
  });

  it('a mount that the host’s Docker does not know', async () => {
    const Mounts = [{ Type: 'image', Source: cluster.image('web:1'), Target: '/tools' }];
    // Always the oldest Docker of the three.
    const Placement = { Constraints: ['node.hostname==h1'] };
    await create(webSpec('web', { container: { Mounts }, task: { Placement } }));
    const text = 'Docker is too old on 1 node: Mounts[0].Type=image needs Docker 28.0 or later';
    await until(
      'the task says why it waits',
      async () => (await tasksOf('web')).some(({ Status }) => Status.Err?.includes(text)),
      { timeoutMs: 30_000 },
    );
  });

  it('a bind source that one host only has: the next host is tried at once, and no other slot tries the same', async () => {
    const Source = '/run/here-only';
    const Mounts = [{ Type: 'bind', Source, Target: '/data', ReadOnly: true }];
    const [h1] = cluster.hosts;
    await h1.exec(['mkdir', Source]);
    try {
      await create(
        webSpec('web', { replicas: 2, container: { Mounts }, task: { RestartPolicy: { Delay: 3600e9 } } }),
      );
      const { ID } = await nodeNamed('h1');
      const tasks = await running('web', 2, 30_000);
      expect(tasks.map(({ NodeID }) => NodeID)).toEqual([ID, ID]);
      const refused = (await tasksOf('web')).filter(({ Status }) => Status.State === 'rejected');
      for (const { Status } of refused)
        expect(Status).toMatchObject({
          Message: 'preparing: next-host',
          Err: expect.stringContaining(Source),
        });
      // Both may try the same two hosts at the same moment.
      expect(refused.length).toBeLessThanOrEqual(4);
    } finally {
      await removeServices('web');
      await h1.exec(['rmdir', Source]);
    }
  });

  it('no room, with counts, and explained node by node', async () => {
    await create(webSpec('web', { task: { Resources: { Reservations: { MemoryBytes: 2 ** 50 } } } }));
    const [text] = await until(
      'the task says why',
      async () => {
        const errors = await errorsOf('web');
        return errors[0] ? errors : undefined;
      },
      { timeoutMs: 20_000 },
    );
    expect(text).toMatch(
      /^no suitable node \(insufficient resources on 3 nodes: 1 PiB of memory needed, the most .* GiB on h[123]\)$/,
    );
    const [task] = await tasksOf('web');
    const explained = await httpJson<{ nodes: unknown[] }>(
      `${cluster.apiUrl}/shoal/v1/tasks/${task?.ID}/explain`,
    );
    expect(explained.nodes).toHaveLength(3);
    // Room appears: the same task runs, without anybody asking.
    const service = await docker.getService('web').inspect();
    const { Resources: _, ...roomy } = service.Spec.TaskTemplate;
    await docker
      .getService('web')
      .update({ ...service.Spec, TaskTemplate: roomy, version: service.Version.Index });
    await running('web', 1);
  });

  it('a host port that is taken: one task a host, the rest wait', async () => {
    await create(
      webSpec('web', {
        replicas: 4,
        EndpointSpec: {
          Ports: [{ TargetPort: 8080, PublishedPort: 18080, PublishMode: 'host', Protocol: 'tcp' }],
        },
      }),
    );
    await until(
      'three run and one waits',
      async (seen) => {
        const tasks = await tasksOf('web');
        const states = tasks.map(({ Status }) => Status.State).sort();
        seen(states);
        return states.filter((state) => state === 'running').length === 3 && states.includes('pending');
      },
      { timeoutMs: 30_000 },
    );
    expect((await errorsOf('web')).find(Boolean)).toMatch(/host-mode port already in use on 3 nodes/);
  });
});

describe('placement', () => {
  it('spreads evenly, scales down from the fullest host, honours constraints and the limit per node', async () => {
    await create(webSpec('web', { replicas: 7 }));
    expect(await spread(await running('web', 7))).toEqual([3, 2, 2]);
    const scale = async (replicas: number, task: object = {}) => {
      const { ID, Version, Spec } = await docker.getService('web').inspect();
      const TaskTemplate = { ...Spec.TaskTemplate, ...task };
      await docker.getService(ID).update({
        ...Spec,
        TaskTemplate,
        Mode: { Replicated: { Replicas: replicas } },
        version: Version.Index,
      });
    };
    await scale(4);
    expect(await spread(await running('web', 4))).toEqual([2, 1, 1]);
    const h2 = await nodeNamed('h2');
    await create(
      webSpec('other', { replicas: 2, task: { Placement: { Constraints: ['node.hostname==h2'] } } }),
    );
    expect((await running('other', 2)).map(({ NodeID }) => NodeID)).toEqual([h2.ID, h2.ID]);
  });

  it('runs a global service once on every host', async () => {
    await create({ ...webSpec('web'), Mode: { Global: {} } } as Parameters<typeof create>[0]);
    expect(await spread(await running('web', 3))).toEqual([1, 1, 1]);
  });
});

describe('updates', () => {
  it('roll on without ever having fewer than wanted, and roll back by themselves when they fail', async () => {
    await create(
      webSpec('web', {
        replicas: 3,
        UpdateConfig: { Parallelism: 1, Monitor: 0.5e9, Order: 'start-first', FailureAction: 'rollback' },
      }),
    );
    await running('web', 3);
    const update = async (container: object) => {
      const { ID, Version, Spec } = await docker.getService('web').inspect();
      const TaskTemplate = {
        ...Spec.TaskTemplate,
        ContainerSpec: { ...Spec.TaskTemplate.ContainerSpec, ...container },
      };
      await docker.getService(ID).update({ ...Spec, TaskTemplate, version: Version.Index });
    };
    const state = async () => (await docker.getService('web').inspect()).UpdateStatus?.State;
    let fewest = 3;
    await update({ Env: ['VERSION=2'] });
    await until(
      'the update is complete',
      async (seen) => {
        const up = (await tasksOf('web')).filter(
          ({ Status, DesiredState }) => Status.State === 'running' && DesiredState === 'running',
        );
        fewest = Math.min(fewest, up.length);
        const now = await state();
        seen(now);
        return now === 'completed';
      },
      { timeoutMs: 60_000 },
    );
    expect(fewest).toBe(3);
    await update({ Command: ['sh', '-c', 'exit 1'] });
    await until(
      'it was rolled back',
      async (seen) => {
        const now = await state();
        seen(now);
        return now === 'rollback_completed';
      },
      { timeoutMs: 60_000 },
    );
    const { StartedAt, CompletedAt, Message } = (await docker.getService('web').inspect()).UpdateStatus;
    expect(Date.parse(CompletedAt)).toBeGreaterThan(Date.parse(StartedAt));
    const failed = (await tasksOf('web')).find(({ ID }) => Message.includes(ID));
    expect(failed?.Status.Err).toBe('task: non-zero exit (1)');
    expect(Message).toBe(
      `rollback completed; update rolled back due to failure or early termination of task ${failed?.ID}: task: non-zero exit (1)`,
    );
    const tasks = await running('web', 3);
    expect(tasks.every(({ Spec }) => Spec.ContainerSpec?.Image === image)).toBe(true);
    expect(
      (await docker.getService('web').inspect()).Spec.TaskTemplate.ContainerSpec.Command,
    ).toBeUndefined();
  });
});
