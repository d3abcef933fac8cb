import { faults, type Host, httpJson, until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Asker, client, network, on, published, removeNetworks } from './askers.ts';
import { cluster, containersOn, create, removeServices, running, tasksOf, webSpec } from './shared.ts';

beforeAll(() => network('alone'));
afterAll(async () => {
  await removeServices();
  await removeNetworks();
});
afterEach(async () => {
  await faults.healAll(cluster);
  await cluster.waitReady();
  await removeServices();
});

const [h1, h2] = cluster.hosts;
const port = 18_095;

/** The one container of the service on a host, ended or not. */
async function only(host: Host) {
  const found = await containersOn(host, 'web', true);
  const [container] = found;
  if (!container || found.length > 1) throw new Error(`${found.length} containers of web on ${host.name}`);
  const { State, NetworkSettings } = await host.docker().getContainer(container.Id).inspect();
  const { Networks } = NetworkSettings;
  const address = Object.entries(Networks).find(([name]) => name.includes('alone'))?.[1].IPAddress ?? '';
  const { Status: state, StartedAt: startedAt } = State;
  return { id: container.Id, name: container.Id.slice(0, 12), startedAt, state, address };
}

const answering = async (asker: Asker, count = 20): Promise<Set<string>> =>
  new Set((await asker.ask('http://web:8080/', count)).map(({ name }) => name));

/** Three replicas, one on each host. The delay leaves time to look while one is not there. */
async function deployed(delayMs: number): Promise<string[]> {
  const policy = { RestartPolicy: { Delay: delayMs * 1e6 }, Placement: { MaxReplicas: 1 } };
  await create(webSpec('web', { replicas: 3, task: { ...on('alone'), ...policy }, ...published(port) }));
  // A host that other tests struck again and again gets no new tasks for a while.
  return (await running('web', 3, 120_000)).map(({ ID }) => ID).sort();
}

/** The tasks are the ones from before, and no other was ever made. */
async function adopted(before: readonly string[]): Promise<void> {
  await faults.resume(h1, 'manager');
  await cluster.waitReady();
  const said = await until(
    'the manager has heard what its hosts did alone',
    async (seen) => {
      const tasks = await tasksOf('web');
      seen(tasks.map(({ Status }) => `${Status.State} ${Status.Message}`));
      return tasks.find(({ Status }) =>
        /again by its host while the manager was away/.test(Status.Message ?? ''),
      );
    },
    { timeoutMs: 60_000 },
  );
  expect(said.Status.State).toBe('running');
  expect((await running('web', 3)).map(({ ID }) => ID).sort()).toEqual(before);
  expect(await tasksOf('web')).toHaveLength(3);
}

describe('while the manager is dead', () => {
  it('a container that was killed is started again by its host, and gets no traffic before', async () => {
    const before = await deployed(15_000);
    const asker = await client('asker', 'h2', 'alone');
    await until('all three answer', async () => (await answering(asker)).size === 3, { timeoutMs: 60_000 });
    const victim = await only(h2);
    await faults.killProcess(h1, 'manager', { hold: true });
    await h2.docker().getContainer(victim.id).kill();
    await until(
      'its host leads nobody to it',
      async () => !(await asker.lookup('tasks.web')).includes(victim.address),
      { timeoutMs: 10_000 },
    );
    expect((await answering(asker)).size).toBe(2);
    const again = await until(
      'it runs again',
      async () => {
        const now = await only(h2);
        return now.state === 'running' ? now : undefined;
      },
      { timeoutMs: 60_000 },
    );
    expect(again).toMatchObject({ id: victim.id, address: victim.address });
    expect(again.startedAt).not.toBe(victim.startedAt);
    await until('it answers again', async () => (await answering(asker)).has(victim.name), {
      timeoutMs: 60_000,
    });
    expect(await asker.lookup('tasks.web')).toContain(victim.address);
    const others = [await only(h1), await only(cluster.host('h3'))];
    await adopted(before);
    expect(await only(h2)).toEqual(again);
    expect([await only(h1), await only(cluster.host('h3'))]).toEqual(others);
  });

  it('a host that boots starts its tasks again, with networks and names', async () => {
    const before = await deployed(1_000);
    await client('asker', 'h2', 'alone');
    const victim = await only(h2);
    await faults.killProcess(h1, 'manager', { hold: true });
    await faults.powerLoss(h2);
    const again = await until(
      'its task runs again',
      async () => {
        const now = await only(h2);
        return now.state === 'running' ? now : undefined;
      },
      { timeoutMs: 60_000 },
    );
    expect(again).toMatchObject({ id: victim.id, address: victim.address });
    await until('its published port is answered', () => httpJson(`http://${h2.ip}:${port}/`), {
      timeoutMs: 60_000,
    });
    const container = await until(
      'the other task of the host runs again',
      async () => (await containersOn(h2, 'asker'))[0]?.Id,
      { timeoutMs: 60_000 },
    );
    const asker = new Asker(h2, container);
    await until('all three answer by name', async () => (await answering(asker)).size === 3, {
      timeoutMs: 60_000,
    });
    await adopted(before);
    expect(await only(h2)).toEqual(again);
  });
});
