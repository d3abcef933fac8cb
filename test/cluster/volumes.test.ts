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

const volume = 'sticky-data';

afterEach(async () => {
  for (const { name } of cluster.hosts) await setAvailability(name, 'active');
  await removeServices('db');
  for (const host of cluster.hosts) {
    const { Volumes } = await host.docker().listVolumes({ filters: JSON.stringify({ name: [volume] }) });
    for (const { Name } of Volumes) await host.docker().getVolume(Name).remove();
  }
});

async function setAvailability(host: string, Availability: string): Promise<void> {
  const { ID, Version, Spec } = await nodeNamed(host);
  await docker.getNode(ID).update({ ...Spec, version: Version.Index, Availability } as never);
}

const hostOf = async (task: TaskView | undefined): Promise<string> =>
  (await docker.getNode(task?.NodeID ?? '').inspect()).Description.Hostname;

/** What the task's container prints: a line more for each start with the same volume. */
async function starts(task: TaskView | undefined): Promise<number> {
  const host = cluster.host(await hostOf(task));
  const [found] = await containersOn(host, 'db');
  const exec = await host
    .docker()
    .getContainer(found?.Id ?? '')
    .exec({ Cmd: ['cat', '/data/starts'], AttachStdout: true });
  const stream = await exec.start({});
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text.split('started').length - 1;
}

const waiting = (about: RegExp) =>
  until(
    `the task waits: ${about}`,
    async (seen) => {
      const tasks = live(await tasksOf('db'));
      seen(tasks.map(({ Status }) => `${Status.State} ${Status.Err ?? ''}`));
      return tasks.some(({ Status }) => Status.State === 'pending' && about.test(Status.Err ?? ''));
    },
    { timeoutMs: 30_000 },
  );

async function update(change: (spec: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
  const { Spec, Version } = await docker.getService('db').inspect();
  await docker.getService('db').update({ ...change(Spec), version: Version.Index });
}

it('a task returns to the host that has its volume, waits for it, and goes elsewhere only where that is allowed', async () => {
  await create(
    webSpec('db', {
      container: {
        Command: ['sh', '-c', 'echo started >> /data/starts; exec sleep 1000'],
        Mounts: [{ Type: 'volume', Source: volume, Target: '/data' }],
      },
    }),
  );
  const [task] = await running('db', 1);
  const home = await hostOf(task);
  expect(await starts(task)).toBe(1);

  await setAvailability(home, 'drain');
  await waiting(
    new RegExp(`its volume is not on 2 nodes: ${volume} is on ${home}, .*1 node drained or paused`),
  );
  await setAvailability(home, 'active');
  const [back] = await running('db', 1);
  expect([await hostOf(back), await starts(back)]).toEqual([home, 2]);

  for (const Replicas of [0, 1]) {
    await update((spec) => ({ ...spec, Mode: { Replicated: { Replicas } } }));
    await running('db', Replicas);
  }
  const [again] = await running('db', 1);
  expect([await hostOf(again), await starts(again)]).toEqual([home, 3]);

  await setAvailability(home, 'drain');
  await waiting(/drained or paused/);
  await update((spec) => ({ ...spec, Labels: { 'shoal.volume': 'new' } }));
  const [anew] = await running('db', 1);
  expect(await hostOf(anew)).not.toBe(home);
  expect(await starts(anew)).toBe(1);
  expect(anew?.Status.Message).toContain(`what was written on ${home} stays there`);
});
