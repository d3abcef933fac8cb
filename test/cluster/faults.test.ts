import { faults, type Host, http, httpJson, until } from '@shoal/testbed';
import { describe, expect, it } from 'vitest';
import { cluster, create, docker, nodeNamed, running, startAnew, tasksOf, webSpec } from './shared.ts';
import { livenessOf, watched } from './watched.ts';

/** The rows of the table in docs/failover.md that the other files leave out. */

const [h1, h2, h3] = cluster.hosts;
const nothingHappened = watched('late');

/** So long a fault lasts, as seen from here. */
const lasts = (what: string, ms: number) => {
  const from = performance.now();
  return until(`${what} for ${ms / 1_000} s`, () => performance.now() - from >= ms, {
    timeoutMs: ms + 10_000,
  });
};

const state = async ({ name }: Host) => (await docker.getNode(name).inspect()).Status.State;
const becomes = (host: Host, wanted: string) =>
  until(`${host.name} is ${wanted}`, async () => (await state(host)) === wanted, { timeoutMs: 60_000 });

describe('nothing is lost', () => {
  it('when what a host sends to the manager is lost, while another hears it', async () => {
    await faults.drop({ from: h2, at: h1 });
    await until('h2 is away', async () => (await livenessOf(h2)).state === 'away', { timeoutMs: 15_000 });
    await lasts('it is', 3_000);
    await faults.undrop(h1);
    await nothingHappened();
  });

  it('when 30 % of all packets from and to a host are lost', async () => {
    for (const other of [h1, h3]) {
      await faults.drop({ from: h2, at: other, percent: 30 });
      await faults.drop({ from: other, at: h2, percent: 30 });
    }
    await lasts('they are', 20_000);
    for (const host of cluster.hosts) await faults.undrop(host);
    await nothingHappened();
  });

  it('when a whole host stalls for five seconds', async () => {
    await faults.pause(h2);
    await lasts('it does', 5_000);
    await faults.unpause(h2);
    await nothingHappened();
  });

  it('when the manager stalls for five seconds', async () => {
    await faults.freeze(h1, 'manager');
    await lasts('it does', 5_000);
    await faults.thaw(h1, 'manager');
    await nothingHappened();
  });

  it("when the manager's host is cut off for five seconds", async () => {
    await faults.cut(h1);
    await lasts('it is', 5_000);
    await faults.heal(h1);
    await until('the manager answers', async () => (await http(`${cluster.apiUrl}/_ping`)).status === 200, {
      timeoutMs: 30_000,
    });
    await nothingHappened();
  });
});

it('an agent that stays away loses its tasks after 15 s, and its node takes part again when it is back', async () => {
  const { ID } = await nodeNamed('h2');
  const begin = Date.now();
  await faults.killProcess(h2, 'agent', { hold: true });
  await becomes(h2, 'down');
  expect(Date.now() - begin).toBeGreaterThan(14_000);
  await until(
    'three tasks run on the others',
    async () => (await running('watched', 3)).every(({ NodeID }) => NodeID !== ID),
    { timeoutMs: 60_000 },
  );
  await faults.resume(h2, 'agent');
  await becomes(h2, 'ready');
});

it('a host that flaps costs each task one move, and gets new ones later each time', async () => {
  const { ID } = await nodeNamed('h3');
  try {
    for (let flap = 1; flap <= 4; flap++) {
      await faults.cut(h3);
      await becomes(h3, 'down');
      await faults.heal(h3);
      await becomes(h3, 'ready');
    }
    await create(webSpec('late', { task: { Placement: { Constraints: ['node.hostname==h3'] } } }));
    await until(
      'a new task has to wait for h3',
      async (seen) => {
        const [task] = await tasksOf('late');
        seen(task?.Status);
        return task?.Status.Err?.includes('came back only now from going down again and again');
      },
      { timeoutMs: 10_000, everyMs: 50 },
    );
    await running('late', 1, 90_000);
    const made = await tasksOf('watched');
    expect(made.length).toBeLessThanOrEqual(3 + 2);
  } finally {
    // Its falls would keep it from taking tasks in the tests that follow: a node that joins anew has none.
    await docker.getNode(ID).remove({ force: true });
    const { JoinTokens } = await httpJson<{ JoinTokens: { Worker: string } }>(`${cluster.apiUrl}/swarm`);
    await startAnew(h3, JoinTokens.Worker);
    await cluster.waitReady();
  }
});
