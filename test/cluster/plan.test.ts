import { faults, http, httpJson, until } from '@shoal/testbed';
import { afterEach, describe, expect, it } from 'vitest';
import { cluster, create, docker, live, removeServices, running, tasksOf, webSpec } from './shared.ts';

interface Fate {
  readonly service: string;
  readonly slot?: number;
  readonly task: string;
  readonly from: string;
}
interface Forecast {
  readonly moves: readonly (Fate & { readonly to: string })[];
  readonly noRoom: readonly (Fate & { readonly reason: string })[];
  readonly stays: readonly (Fate & { readonly reason: string })[];
}

const url = `${cluster.apiUrl}/shoal/v1/plan`;
const plan = (fault: string, ...nodes: string[]) =>
  httpJson<Forecast>(url, { method: 'POST', body: JSON.stringify({ fault, nodes }) });

const services = ['spread', 'roomy', 'bound', 'everywhere'];
afterEach(async () => {
  await faults.healAll(cluster);
  await docker.getNode('h3').inspect().then(setActive);
  await cluster.waitReady();
  await removeServices(...services);
});

const setActive = ({ ID, Version, Spec }: { ID: string; Version: { Index: number }; Spec: object }) =>
  docker.getNode(ID).update({ ...Spec, Availability: 'active', version: Version.Index });

/** Services of every kind: some that fit elsewhere, some that do not. */
async function deploy(): Promise<void> {
  const node = await docker.getNode('h3').inspect();
  // First, and with patience: a host that went down again and again gets no new tasks for a while.
  await create(webSpec('everywhere', { Mode: { Global: {} } }));
  await running('everywhere', 3, 120_000);
  await create(webSpec('spread', { replicas: 5 }));
  // One on each host: no two fit on the same.
  const Reservations = { MemoryBytes: Math.floor(node.Description.Resources.MemoryBytes * 0.6) };
  await create(webSpec('roomy', { replicas: 3, task: { Resources: { Reservations } } }));
  await create(webSpec('bound', { task: { Placement: { Constraints: ['node.hostname==h3'] } } }));
  await running('spread', 5);
  await running('roomy', 3);
  await running('bound', 1);
}

/** Where the wanted tasks of each slot are: `spread.1 h1`; without a host while they wait for one. */
async function places(): Promise<string[]> {
  const names = new Map((await docker.listNodes()).map((node) => [node.ID, node.Description?.Hostname]));
  const all = await Promise.all(
    services.map(async (service) =>
      live(await tasksOf(service)).map(
        ({ Slot, NodeID, Status }) =>
          `${service}.${Slot ?? 'global'} ${names.get(NodeID ?? '') ?? 'nowhere'} ${Status.State}`,
      ),
    ),
  );
  return all.flat().sort();
}

const foreseen = (before: readonly string[], { moves, noRoom, stays }: Forecast): string[] =>
  before
    .map((line) => {
      const [place = '', host = ''] = line.split(' ');
      const is = ({ service, slot, from }: Fate) =>
        `${service}.${slot ?? 'global'} ${from}` === `${place} ${host}`;
      if (stays.some(is)) return '';
      if (noRoom.some(is)) return `${place} nowhere pending`;
      const move = moves.find(is);
      return move ? `${place} ${move.to} running` : line;
    })
    .filter((line) => line !== '')
    .sort();

const comesTrue = (before: readonly string[], forecast: Forecast) => {
  const wanted = foreseen(before, forecast);
  return until(
    `the tasks are where they were foreseen: ${wanted.join(', ')}`,
    async (seen) => {
      const now = await places();
      seen(now);
      return now.join() === wanted.join();
    },
    { timeoutMs: 60_000 },
  );
};

describe('a plan', () => {
  it.each([
    ['host-power-loss', () => faults.powerOff(cluster.host('h3'))],
    [
      'drain',
      async () => {
        const { ID, Version, Spec } = await docker.getNode('h3').inspect();
        await docker.getNode(ID).update({ ...Spec, Availability: 'drain', version: Version.Index });
      },
    ],
  ])('of a %s is what happens then', async (fault, strike) => {
    await deploy();
    const before = await places();
    const forecast = await plan(fault, 'h3');
    expect(await places()).toEqual(before);
    expect(forecast.moves.length).toBeGreaterThan(0);
    expect(forecast.moves.every(({ service, to }) => service === 'spread' && to !== 'h3')).toBe(true);
    expect(forecast.noRoom.map(({ service, reason }) => `${service}: ${reason}`)).toEqual([
      expect.stringMatching(/^bound: no suitable node \(.*scheduling constraints not satisfied on 2 nodes/),
      expect.stringMatching(/^roomy: no suitable node \(.*insufficient resources on 2 nodes/),
    ]);
    expect(forecast.stays).toMatchObject([{ service: 'everywhere', from: 'h3' }]);
    await strike();
    await comesTrue(before, forecast);
  });

  it('says that nothing is replaced while the manager is gone, and refuses what it does not know', async () => {
    await create(webSpec('spread', { replicas: 3 }));
    await running('spread', 3);
    const { moves, stays } = await plan('host-power-loss', 'h1');
    expect(moves).toEqual([]);
    expect(stays).toMatchObject([{ service: 'spread', reason: expect.stringMatching(/^the manager goes/) }]);
    const refused = async (body: object) => {
      const { status, body: text } = await http(url, { method: 'POST', body: JSON.stringify(body) });
      return [status, JSON.parse(text).message];
    };
    expect(await refused({ fault: 'flood', nodes: ['h3'] })).toEqual([
      400,
      'fault: must be one of host-power-loss, drain',
    ]);
    expect(await refused({ fault: 'drain', nodes: ['h9'] })).toEqual([404, 'node h9 not found']);
  });
});
