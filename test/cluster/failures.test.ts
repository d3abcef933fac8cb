import { faults, httpJson, until } from '@shoal/testbed';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cluster,
  containersOn,
  create,
  docker,
  lives,
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
  await removeServices('steady', 'load', 'stubborn');
});
const [h1, h2, h3] = cluster.hosts;

describe('manager', () => {
  it('killed with kill -9 and restarted: the same tasks, no container restarted', async () => {
    await create(webSpec('steady', { replicas: 6 }));
    const before = (await running('steady', 6)).map(({ ID }) => ID).sort();
    const containers = await lives('steady');
    await faults.killProcess(h1, 'manager');
    await cluster.waitReady();
    expect((await running('steady', 6)).map(({ ID }) => ID).sort()).toEqual(before);
    expect(await lives('steady')).toEqual(containers);
  });

  it('killed many times under load loses nothing that it acknowledged', async () => {
    await create(webSpec('load', { replicas: 0 }));
    const acknowledged = new Set<string>();
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        const label = `n${n}`;
        try {
          const service = await docker.getService('load').inspect();
          const spec = { ...service.Spec, Labels: { ...service.Spec.Labels, [label]: 'yes' } };
          await docker.getService(service.ID).update({ ...spec, version: service.Version.Index });
          acknowledged.add(label);
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    })();
    for (let kill = 0; kill < 5; kill++) {
      const before = acknowledged.size;
      await until('some more writes were acknowledged', () => acknowledged.size > before + 10, {
        timeoutMs: 30_000,
        everyMs: 5,
      });
      await faults.killProcess(h1, 'manager');
    }
    await cluster.waitReady();
    writing = false;
    await writer;
    const { Labels } = (await docker.getService('load').inspect()).Spec;
    expect([...acknowledged].filter((label) => Labels[label] !== 'yes')).toEqual([]);
  });
});

describe('agent', () => {
  it('killed with kill -9 and restarted: the same tasks, no container restarted', async () => {
    await create(webSpec('steady', { replicas: 6 }));
    const before = (await running('steady', 6)).map(({ ID }) => ID).sort();
    const containers = await lives('steady');
    const pid = await h2.pid('agent');
    await faults.killProcess(h2, 'agent');
    await until('the agent runs again', async () => ![undefined, pid].includes(await h2.pid('agent')), {
      timeoutMs: 20_000,
    });
    await cluster.waitReady();
    expect((await running('steady', 6)).map(({ ID }) => ID).sort()).toEqual(before);
    expect(await lives('steady')).toEqual(containers);
  });

  it('tells what happened while it was away', async () => {
    await create(webSpec('steady', { replicas: 3 }));
    await running('steady', 3);
    await faults.killProcess(h2, 'agent', { hold: true });
    const [victim] = await containersOn(h2, 'steady');
    await h2
      .docker()
      .getContainer(victim?.Id ?? '')
      .kill();
    await faults.resume(h2, 'agent');
    await until(
      'the dead task is replaced',
      async () => (await tasksOf('steady')).some(({ Status }) => Status.State === 'failed'),
      { timeoutMs: 20_000 },
    );
    await running('steady', 3);
  });

  it('removes containers of tasks that are gone, and leaves strangers alone', async () => {
    const stranger = await h3
      .docker()
      .createContainer({ name: 'stranger', Image: cluster.image('web:1') })
      .catch(async () => {
        await h3.exec(['docker', 'pull', '-q', cluster.image('web:1')]);
        return h3.docker().createContainer({ name: 'stranger', Image: cluster.image('web:1') });
      });
    await stranger.start();
    try {
      await create(webSpec('steady', { replicas: 3 }));
      await running('steady', 3);
      await faults.killProcess(h3, 'agent', { hold: true });
      await docker.getService('steady').remove();
      expect(await containersOn(h3, 'steady')).toHaveLength(1);
      await faults.resume(h3, 'agent');
      await until('the orphan is gone', async () => (await containersOn(h3, 'steady', true)).length === 0, {
        timeoutMs: 30_000,
      });
      expect((await stranger.inspect()).State.Running).toBe(true);
    } finally {
      await stranger.remove({ force: true });
    }
  });
});

describe('host', () => {
  it('that loses power: its tasks run elsewhere; when it is back, it takes part again', async () => {
    await create(webSpec('steady', { replicas: 6 }));
    const before = (await running('steady', 6)).map(({ ID }) => ID);
    // Without another place to go.
    await create(webSpec('stubborn', { task: { Placement: { Constraints: ['node.hostname==h3'] } } }));
    await running('stubborn', 1);
    expect(await spread(await running('steady', 6))).toEqual([2, 2, 2]);
    const { ID } = await nodeNamed('h3');
    await faults.powerOff(h3);
    await until('h3 is down', async () => (await docker.getNode('h3').inspect()).Status.State === 'down', {
      timeoutMs: 30_000,
    });
    await until(
      'six tasks run on the two others, evenly',
      async (seen) => {
        const moved = await running('steady', 6);
        const counts = await spread(moved);
        seen(counts);
        return moved.every(({ NodeID }) => NodeID !== ID) && counts.join() === '3,3';
      },
      { timeoutMs: 60_000 },
    );
    const listed = await httpJson<{ Spec: { Name: string }; ServiceStatus: Record<string, number> }[]>(
      `${cluster.apiUrl}/services?status=true`,
    );
    const counts = listed.map(
      ({ Spec, ServiceStatus: { RunningTasks, DesiredTasks } }) =>
        `${Spec.Name} ${RunningTasks}/${DesiredTasks}`,
    );
    expect(counts).toEqual(expect.arrayContaining(['steady 6/6', 'stubborn 0/1']));
    const dead = (await tasksOf('steady')).filter(({ NodeID }) => NodeID === ID);
    expect(dead.map(({ Status }) => Status.State)).toEqual(['orphaned', 'orphaned']);
    await faults.powerOn(h3);
    await cluster.waitReady();
    expect((await nodeNamed('h3')).ID).toBe(ID);
    await running('stubborn', 1);
    await until(
      'none of its old tasks runs on h3',
      async () =>
        (await containersOn(h3, 'steady')).every(
          ({ Labels }) => !before.includes(Labels['com.docker.swarm.task.id'] ?? ''),
        ),
      { timeoutMs: 30_000 },
    );
    expect(await running('steady', 6)).toHaveLength(6);
    await until(
      'its old tasks say why they ended',
      async (seen) => {
        const errors = (await tasksOf('steady')).flatMap(({ ID: id, NodeID, Status }) =>
          before.includes(id) && NodeID === ID ? `${Status.State} ${Status.Err}` : [],
        );
        seen(errors);
        // Shut down, if the agent heard that they have been replaced before it looked at what is left of them.
        const why = /^(failed|shutdown) task: its host was restarted$/;
        return errors.length === 2 && errors.every((text) => why.test(text));
      },
      { timeoutMs: 30_000 },
    );
  });

  it('that loses its Docker daemon: the tasks are replaced', async () => {
    await create(webSpec('steady', { replicas: 3 }));
    await running('steady', 3);
    await faults.killProcess(h2, 'dockerd', { hold: true });
    await until('h2 is out', async () => (await docker.getNode('h2').inspect()).Status.State === 'down', {
      timeoutMs: 30_000,
    });
    const { ID } = await nodeNamed('h2');
    await until(
      'three tasks run on the two others',
      async () => (await running('steady', 3)).every(({ NodeID }) => NodeID !== ID),
      { timeoutMs: 60_000 },
    );
    await faults.resume(h2, 'dockerd');
    await cluster.waitReady();
    await until(
      'the one that it took along says why it ended',
      async (seen) => {
        const errors = (await tasksOf('steady')).map(({ Status }) => Status.Err ?? '');
        seen(errors);
        return errors.some((text) =>
          /^task: ended while the Docker daemon was away, exit code \d+$/.test(text),
        );
      },
      { timeoutMs: 30_000 },
    );
  });
});

describe('containers', () => {
  it('that ignore their stop signal are killed after the grace period', async () => {
    await create(
      webSpec('stubborn', {
        container: {
          Command: ['sh', '-c', "trap '' TERM; while :; do sleep 0.2; done"],
          StopGracePeriod: 1e9,
        },
      }),
    );
    await running('stubborn', 1);
    const from = Date.now();
    await removeServices('stubborn');
    expect(Date.now() - from).toBeGreaterThan(900);
  });

  it('answer as the example application: name, version, client, visits', async () => {
    await create(
      webSpec('steady', {
        EndpointSpec: { Ports: [{ TargetPort: 8080, PublishMode: 'host', Protocol: 'tcp' }] },
      }),
    );
    const [task] = await running('steady', 1);
    const node = await docker.getNode(task?.NodeID ?? '').inspect();
    const port = task?.Status.PortStatus?.Ports?.[0]?.PublishedPort;
    expect(port).toBeGreaterThan(0);
    // Without a health check it counts as running before the server listens.
    const answer = await until('it answers', () => httpJson(`http://${node.Status.Addr}:${port}/`), {
      timeoutMs: 10_000,
    });
    expect(answer).toMatchObject({ name: expect.any(String), version: '1' });
  });
});
