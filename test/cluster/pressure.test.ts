import { faults, httpJson, type TaskView, until } from '@shoal/testbed';
import type Docker from 'dockerode';
import { afterEach, expect, it } from 'vitest';
import {
  cli,
  clients,
  cluster,
  containersOn,
  create,
  docker,
  nodeNamed,
  removeServices,
  running,
  tasksOf,
  webSpec,
} from './shared.ts';

afterEach(async () => {
  await faults.healAll(cluster);
  for (const name of ['h1', 'h2']) await setAvailability(name, 'active');
  await cluster.waitReady();
  await removeServices();
});
const [, , h3] = cluster.hosts;

/** Takes memory, a little at a time up to a number of MiB, and keeps it. */
const takes = (MiBs: number) => ({
  Command: [
    'node',
    '-e',
    `const kept = [];
     setInterval(() => { if (kept.length < ${MiBs}) kept.push(Buffer.alloc(1 << 20, 1)); }, 10);
     process.on('SIGTERM', () => process.exit(0));`,
  ],
});

async function setAvailability(host: string, Availability: string): Promise<void> {
  const { ID, Version, Spec } = await nodeNamed(host);
  await docker.getNode(ID).update({ ...Spec, version: Version.Index, Availability } as never);
}

/** Makes services of one task each, which may leave h3 afterwards; returns the tasks. */
async function beginOnH3(...specs: Docker.CreateServiceOptions[]): Promise<TaskView[]> {
  for (const name of ['h1', 'h2']) await setAvailability(name, 'pause');
  const tasks = [];
  for (const spec of specs) {
    await create(spec);
    tasks.push(...(await running(spec.Name ?? '', 1)));
  }
  for (const name of ['h1', 'h2']) await setAvailability(name, 'active');
  return tasks;
}

/** For want of something on h3, and only for that. */
async function hasLeft(task: TaskView | undefined, service: string): Promise<void> {
  const gone = await until(
    `${service} has left h3`,
    async (seen) => {
      const tasks = await tasksOf(service);
      seen(tasks.map(({ NodeID, Status }) => `${NodeID} ${Status.State} ${Status.Message}`));
      return tasks.find(({ ID, Status }) => ID === task?.ID && Status.State === 'shutdown');
    },
    { timeoutMs: 60_000 },
  );
  expect(gone.Status.Message).toBe('shutdown: node-pressure');
}

const isGlobal = { Mode: { Global: {} } };

const messageOf = async (host: string): Promise<string> =>
  ((await docker.getNode(host).inspect()) as { Status: { Message?: string } }).Status.Message ?? '';

it('a container that takes more memory than it may is shown as such, and replaced on another host', async () => {
  const Resources = { Limits: { MemoryBytes: 64 * 2 ** 20 } };
  await create(webSpec('greedy', { container: takes(1_000), task: { Resources } }));
  const hosts = await until(
    'it was killed on two hosts',
    async (seen) => {
      const failed = (await tasksOf('greedy')).filter(({ Status }) => Status.State === 'failed');
      seen(failed.map(({ Status, NodeID }) => `${NodeID} ${Status.Err}`));
      const nodes = failed.map(({ NodeID }) => NodeID);
      return new Set(nodes).size >= 2 ? failed : undefined;
    },
    { timeoutMs: 60_000 },
  );
  const wanted = /^task: out of memory \(limit 64 MiB\), exit code 137$/;
  for (const { Status } of hosts) expect(Status.Err).toMatch(wanted);
  const [client] = await clients();
  const shown = await cli(client?.path ?? '', 'service', 'ps', '--no-trunc', 'greedy');
  expect(shown.out).toContain('task: out of memory (limit 64 MiB), exit code 137');
});

it('a host short of memory gets no new tasks, loses the one that matters least, and is used again later', async () => {
  const { ID } = await nodeNamed('h3');
  const [hog, high] = await beginOnH3(
    webSpec('hog', { container: takes(150), Labels: { 'shoal.priority': '-5' } }),
    webSpec('high', { Labels: { 'shoal.priority': '5' } }),
  );
  await create({ ...webSpec('global'), ...isGlobal });
  await running('global', 3);
  // While it still grows, the kernel might kill it for what it takes on top.
  const [container] = await containersOn(h3, 'hog');
  let before = 0;
  await until(
    'hog has its memory',
    async (seen) => {
      const { memory_stats } = await h3
        .docker()
        .getContainer(container?.Id ?? '')
        .stats({ stream: false, 'one-shot': true });
      const grown = memory_stats.usage - before;
      before = memory_stats.usage;
      seen(before);
      return before > 150 * 2 ** 20 && grown < 2 ** 20;
    },
    { timeoutMs: 30_000, everyMs: 200 },
  );
  await faults.takeMemory(h3, 60);
  const message = await until('h3 is short of memory', async () => (await messageOf('h3')) || undefined, {
    timeoutMs: 20_000,
  });
  expect(message).toMatch(/^the host is short of memory: \d+ MiB available of \d+ MiB$/);
  await create(webSpec('fresh', { replicas: 4 }));
  const fresh = await running('fresh', 4);
  expect(fresh.map(({ NodeID }) => NodeID)).not.toContain(ID);
  const why = (await httpJson(`${cluster.apiUrl}/shoal/v1/tasks/${fresh[0]?.ID}/explain`)) as unknown as {
    nodes: { nodeId: string; filters: { name: string; passed: boolean; reason?: string }[] }[];
  };
  const refused = why.nodes.find(({ nodeId }) => nodeId === ID)?.filters.filter(({ passed }) => !passed);
  expect(refused).toMatchObject([{ name: 'pressure', reason: expect.stringMatching(/short of memory/) }]);

  await hasLeft(hog, 'hog');
  expect((await running('hog', 1)).map(({ NodeID }) => NodeID)).not.toContain(ID);
  await until('h3 has enough again', async () => (await messageOf('h3')) === '', { timeoutMs: 60_000 });
  // What freed enough was all that had to go.
  expect((await running('high', 1)).map((task) => task.ID)).toEqual([high?.ID]);
  await create(webSpec('after', { replicas: 3 }));
  expect((await running('after', 3)).map(({ NodeID }) => NodeID)).toContain(ID);
});

it('a host short of PIDs gets no new tasks, loses what is on it, and is used again later', async () => {
  const { ID } = await nodeNamed('h3');
  const many = 'for each in $(seq 150); do sleep 1000 & done; wait';
  const [crowd] = await beginOnH3(webSpec('crowd', { container: { Command: ['sh', '-c', many] } }));
  const message = await until(
    'h3 is short of PIDs',
    async () => {
      // Of those of now: what begins and ends on a host changes them all the time.
      await faults.takePids(h3, 5);
      return (await messageOf('h3')) || undefined;
    },
    { timeoutMs: 30_000, everyMs: 2_500 },
  );
  expect(message).toMatch(/^the host is short of PIDs: \d+ free of \d+$/);
  await create(webSpec('fresh', { replicas: 4 }));
  expect((await running('fresh', 4)).map(({ NodeID }) => NodeID)).not.toContain(ID);
  await hasLeft(crowd, 'crowd');
  await until('h3 has enough again', async () => (await messageOf('h3')) === '', { timeoutMs: 60_000 });
});

it('a full disk: tasks leave it, container and all, and what must start there fails with the reason', async () => {
  const { ID } = await nodeNamed('h3');
  await faults.smallDisk(h3, 'dockerd', 700);
  await cluster.waitReady();
  const [mobile] = await beginOnH3(webSpec('mobile'));
  await faults.fillDisk(h3, 'dockerd', 20_000);
  const message = await until('h3 is short of disk', async () => (await messageOf('h3')) || undefined, {
    timeoutMs: 20_000,
  });
  expect(message).toMatch(/^the host is short of disk space: \d+ MiB free of 700 MiB at \/var\/lib\/docker$/);
  await until(
    'its task runs elsewhere, and nothing is left of it',
    async (seen) => {
      const tasks = await tasksOf('mobile');
      seen(tasks.map(({ NodeID, Status }) => `${NodeID} ${Status.State} ${Status.Message}`));
      return (
        tasks.every((task) => task.NodeID !== ID) && (await containersOn(h3, 'mobile', true)).length === 0
      );
    },
    { timeoutMs: 60_000 },
  );
  expect((await running('mobile', 1)).map((task) => task.ID)).not.toContain(mobile?.ID);
  await faults.fillDisk(h3, 'dockerd', 0);
  await create({ ...webSpec('global'), ...isGlobal });
  await until(
    'the task on h3 says why it can not start',
    async (seen) => {
      const tasks = (await tasksOf('global')).filter(({ NodeID }) => NodeID === ID);
      seen(tasks.map(({ Status }) => `${Status.State} ${Status.Err}`));
      return tasks.some(({ Status }) => /no space left on device/.test(Status.Err ?? ''));
    },
    { timeoutMs: 60_000 },
  );
  await faults.freeDisk(h3, 'dockerd');
  await running('global', 3);
  await until('h3 has enough again', async () => (await messageOf('h3')) === '', { timeoutMs: 60_000 });
});

it('an agent whose journal can not be written goes on, and its node gets no new tasks until it can', async () => {
  const { ID } = await nodeNamed('h3');
  await faults.smallDisk(h3, 'agent', 1);
  await cluster.waitReady();
  await faults.fillDisk(h3, 'agent', 0);
  await create(webSpec('steady', { replicas: 3 }));
  const steady = (await running('steady', 3)).filter(({ NodeID }) => NodeID === ID);
  const message = await until('its node says so', async () => (await messageOf('h3')) || undefined, {
    timeoutMs: 20_000,
  });
  expect(message).toMatch(
    /^the host is unable to write its agent's journal: ENOSPC: no space left on device/,
  );
  await create(webSpec('fresh', { replicas: 2 }));
  expect((await running('fresh', 2)).map(({ NodeID }) => NodeID)).not.toContain(ID);
  // It still does what it is asked to.
  const [container] = await containersOn(h3, 'steady');
  await h3
    .docker()
    .getContainer(container?.Id ?? '')
    .kill();
  await until(
    'the end of a task on h3 is known',
    async () =>
      (await tasksOf('steady')).some((task) => task.ID === steady[0]?.ID && task.Status.State === 'failed'),
    { timeoutMs: 20_000 },
  );
  await faults.freeDisk(h3, 'agent');
  await until('h3 can write again', async () => (await messageOf('h3')) === '', { timeoutMs: 30_000 });
});
