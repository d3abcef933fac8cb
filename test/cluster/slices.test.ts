import { type TaskView, until } from '@shoal/testbed';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  cluster,
  containersOn,
  create,
  docker,
  live,
  removeServices,
  running,
  tasksOf,
  webSpec,
} from './shared.ts';

/** Four slices of five addresses: one for services, one for the host that asks, two for the one that serves. */
const subnet = '10.231.7.0/27';
let network = '';

beforeAll(async () => {
  ({ id: network } = await docker.createNetwork({
    Name: 'small',
    Driver: 'overlay',
    IPAM: { Config: [{ Subnet: subnet }] },
  }));
});
afterAll(async () => {
  await removeServices();
  await docker.getNetwork(network).remove();
});

const onHost = (host: string) => ({
  Networks: [{ Target: network }],
  Placement: { Constraints: [`node.hostname==${host}`] },
});
const addressOf = (task: TaskView): string =>
  (
    task as unknown as { NetworksAttachments: { Addresses: string[] }[] }
  ).NetworksAttachments?.[0]?.Addresses[0]?.split('/')[0] ?? '';

async function scale(Replicas: number): Promise<void> {
  const { ID, Version, Spec } = await docker.getService('web').inspect();
  await docker.getService(ID).update({ ...Spec, Mode: { Replicated: { Replicas } }, version: Version.Index });
}

async function asker(name: string, host: string): Promise<(script: string) => Promise<string>> {
  await create(webSpec(name, { container: { Command: ['sleep', '1000'] }, task: onHost(host) }));
  await running(name, 1);
  const [container] = await containersOn(cluster.host(host), name);
  const node = ['docker', 'exec', container?.Id ?? '', 'node', '-e'];
  return (script) => cluster.host(host).exec([...node, script], { timeoutMs: 30_000 });
}

/** Every replica at its own address, by the names of the tasks, and through the service's. */
async function allAnswer(
  run: (script: string) => Promise<string>,
  tasks: readonly TaskView[],
): Promise<void> {
  const addresses = tasks.map(addressOf).sort();
  expect(new Set(addresses).size).toBe(tasks.length);
  const script = `(async () => {
    const get = async (host) => (await fetch('http://' + host + ':8080/', { headers: { connection: 'close' }, signal: AbortSignal.timeout(3000) })).json();
    const named = (await require('dns').promises.resolve4('tasks.web')).sort();
    const direct = new Set(), balanced = new Set();
    for (const address of ${JSON.stringify(addresses)}) direct.add((await get(address)).name);
    for (let i = 0; i < ${tasks.length * 15}; i++) balanced.add((await get('web')).name);
    console.log(JSON.stringify({ named, direct: direct.size, balanced: balanced.size }));
  })().catch((error) => { console.error(error.cause ?? error); process.exit(1); });`;
  await until(
    `all ${tasks.length} replicas answer`,
    async (seen) => {
      const found = JSON.parse(await run(script));
      seen(found);
      const wanted = { named: addresses, direct: tasks.length, balanced: tasks.length };
      return JSON.stringify(found) === JSON.stringify(wanted);
    },
    { timeoutMs: 60_000 },
  );
}

it('a host that needs more addresses gets another slice, and a full network says so', async () => {
  await create(webSpec('web', { replicas: 3, task: onHost('h3') }));
  await running('web', 3);
  const near = await asker('near', 'h1');
  await allAnswer(near, await running('web', 3));

  await scale(9);
  await allAnswer(near, await running('web', 9));
  const routes = await cluster.host('h1').sh('ip -json route show dev sh.vx proto 83');
  expect(
    (JSON.parse(routes) as { dst: string }[]).filter(({ dst }) => dst.startsWith('10.231.7.')),
  ).toHaveLength(3);

  await scale(12);
  const full = await until(
    'two tasks wait for an address',
    async (seen) => {
      const tasks = live(await tasksOf('web'));
      const waiting = tasks.filter(({ Status }) => Status.Err);
      seen(tasks.map(({ Status }) => `${Status.State} ${Status.Err ?? ''}`));
      return tasks.length === 12 && waiting.length === 2 ? waiting : undefined;
    },
    { timeoutMs: 60_000 },
  );
  for (const { Status } of full)
    expect(Status.Err).toBe(
      `no addresses left in network small (${subnet}): create it with a larger --subnet`,
    );

  // What a host grew by and needs no more is there for others.
  await scale(4);
  await allAnswer(near, await running('web', 4));
  await allAnswer(await asker('far', 'h2'), await running('web', 4));
  await removeServices('far');
  await scale(10);
  await allAnswer(near, await running('web', 10));
});
