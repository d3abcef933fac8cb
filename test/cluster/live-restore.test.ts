import { faults, httpJson, until } from '@shoal/testbed';
import { afterEach, expect, it } from 'vitest';
import {
  cluster,
  containersOn,
  create,
  docker,
  lives,
  nodeNamed,
  removeServices,
  running,
  tasksOf,
  webSpec,
} from './shared.ts';

const [, h2] = cluster.hosts;

afterEach(async () => {
  await faults.healAll(cluster);
  await h2.sh('rm -f /etc/docker/daemon.json; kill -HUP "$(cat /run/shoal/dockerd.pid)"');
  await cluster.waitReady();
  await removeServices();
});

const statusOf = async (host: string) =>
  ((await docker.getNode(host).inspect()) as { Status: { State: string; Message?: string } }).Status;

it('a daemon with live-restore that dies: what lives on is left alone and serves, what dies is replaced', async () => {
  await h2.sh(`mkdir -p /etc/docker; echo '{"live-restore": true}' > /etc/docker/daemon.json
    kill -HUP "$(cat /run/shoal/dockerd.pid)"`);
  // A new agent asks the daemon at once.
  const pid = await h2.pid('agent');
  await faults.killProcess(h2, 'agent');
  await until('the agent runs again', async () => ![undefined, pid].includes(await h2.pid('agent')), {
    timeoutMs: 20_000,
  });
  await until(
    'the agent knows of it',
    async () => (await h2.log('agent', 5)).includes('connected to the manager'),
    { timeoutMs: 20_000 },
  );
  await cluster.waitReady();
  await create(
    webSpec('steady', {
      replicas: 3,
      EndpointSpec: { Ports: [{ TargetPort: 8080, PublishMode: 'host', Protocol: 'tcp' }] },
    }),
  );
  await create(webSpec('mortal', { replicas: 3 }));
  const { ID } = await nodeNamed('h2');
  const before = await running('steady', 3);
  const steady = before.find(({ NodeID }) => NodeID === ID);
  const mortal = (await running('mortal', 3)).find(({ NodeID }) => NodeID === ID);
  const alive = await lives('steady');
  const [container] = await containersOn(h2, 'mortal');
  const { State } = await h2
    .docker()
    .getContainer(container?.Id ?? '')
    .inspect();

  await faults.killProcess(h2, 'dockerd', { hold: true });
  const status = await until(
    'the node says so',
    async () => {
      const now = await statusOf('h2');
      return now.Message ? now : undefined;
    },
    { timeoutMs: 20_000 },
  );
  expect(status.State).toBe('ready');
  expect(status.Message).toMatch(/^the host is without its Docker daemon, and its containers run on: /);
  const port = steady?.Status.PortStatus?.Ports?.[0]?.PublishedPort;
  expect(await httpJson(`http://${h2.ip}:${port}/`)).toMatchObject({ version: '1' });

  await h2.sh(`kill -9 ${State.Pid}`);
  const failed = await until(
    'the end of its process is known',
    async (seen) => {
      const tasks = await tasksOf('mortal');
      seen(tasks.map(({ NodeID, Status }) => `${NodeID} ${Status.State} ${Status.Err}`));
      return tasks.find((task) => task.ID === mortal?.ID && task.Status.State === 'failed');
    },
    { timeoutMs: 20_000 },
  );
  expect(failed.Status.Err).toBe('task: its processes ended while the Docker daemon was away');
  const mortals = await running('mortal', 3);
  expect(mortals.map(({ NodeID }) => NodeID)).not.toContain(ID);

  await faults.resume(h2, 'dockerd');
  await h2.daemonBack();
  await until('the node is as before', async () => (await statusOf('h2')).Message === undefined, {
    timeoutMs: 30_000,
  });
  expect((await running('steady', 3)).map((task) => task.ID).sort()).toEqual(
    before.map((task) => task.ID).sort(),
  );
  expect(await lives('steady')).toEqual(alive);
});
