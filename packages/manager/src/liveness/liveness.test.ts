import { timingOf } from '@shoal/proto/rules';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aCluster as cluster } from '../testing.ts';
import { type Liveness, startLiveness } from './index.ts';

const open: Liveness[] = [];
afterEach(() => {
  for (const liveness of open.splice(0)) liveness.close();
});

/** Two nodes on this machine, where port 1 is refused, and one elsewhere. */
async function aCluster(clock = Date.now) {
  const store = await TestStore.open(memoryBackend(), Date.now);
  await store.update((tx) => {
    for (const [id, address] of [
      ['n1', '127.0.0.1'],
      ['n2', '127.0.0.2'],
      ['n3', '127.0.0.3'],
    ] as const) {
      tx.nodes.create(aNode(id, { reported: { address, probePort: 1 } }));
    }
  });
  const asked: string[] = [];
  const told: number[] = [];
  const liveness: Liveness = startLiveness(store, {
    clock,
    steady: () => performance.now(),
    log: pino({ level: 'silent' }),
    ask: async (nodeId, what) => {
      asked.push(`${nodeId}: ${JSON.stringify(what.value)}`);
      return { answer: 'accepted' };
    },
    onSilent: () => undefined,
    onTiming: () => void told.push(liveness.told('n1').beatMs),
  });
  open.push(liveness);
  const report = (id: string) => liveness.report(store.view.nodes.get(id) ?? aNode(id));
  return { store, liveness, report, asked, told };
}

it('probes a host whose stream broke, asks the others to, and says what came out', async () => {
  const { liveness, report, asked } = await aCluster();
  liveness.left('n1');
  await eventually(() => expect(report('n1').state).toBe('away'));
  // On a busy machine there may have been a second round by now.
  expect(asked.slice(0, 2)).toEqual(['n2', 'n3'].map((id) => `${id}: {"address":"127.0.0.1","port":1}`));
  const { evidence, says, valve } = report('n1');
  expect(says).toMatch(/^no word from the agent for .* s, but its host answers the manager, n2, n3$/);
  expect(evidence[0]).toMatchObject({
    probes: [
      { by: 'manager', answer: 'refused' },
      { by: 'n2', hostname: 'n2', answer: 'accepted' },
      { by: 'n3', answer: 'accepted' },
    ],
  });
  expect(valve).toMatchObject({ open: false, known: 3, unanswered: 0 });
  liveness.heard('n1');
  await eventually(() => expect(report('n1')).toMatchObject({ state: 'heard', evidence: [] }));
});

it('sees nobody fall silent, or come back, when the clock is set', async () => {
  let jump = 0;
  const { store, liveness, report } = await aCluster(() => Date.now() + jump);
  const revision = store.revision;
  for (jump of [3_600_000, -7_200_000]) {
    for (const id of ['n1', 'n2']) liveness.heard(id);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(['n1', 'n2'].map((id) => report(id).state)).toEqual(['heard', 'heard']);
  }
  expect(store.revision).toBe(revision);
  // Of the third nothing was heard all the while, and no jump made that longer.
  await eventually(() => expect(report('n3').state).toBe('away'));
});

it('forgets a node that is removed', async () => {
  const { store, liveness, report } = await aCluster();
  await store.update((tx) => tx.nodes.remove('n1'));
  liveness.heard('n1');
  expect(report('n1')).toMatchObject({ state: 'down', evidence: [], verdicts: [] });
});

it('lets agents beat less often among many nodes, once that is durable, and as often as before when these are gone', async () => {
  const { store, liveness, told } = await aCluster();
  const more = Array.from({ length: 1_100 }, (_, n) => `m${n}`);
  await store.update((tx) => {
    tx.clusters.create(cluster());
    for (const id of more) tx.nodes.create(aNode(id));
  });
  const written = () => [...store.view.clusters.all()][0]?.beatMs;
  await eventually(() => expect(told).toEqual([750]));
  expect(written()).toBe(750);
  expect(liveness.told('n2')).toEqual(timingOf(750));
  await store.update((tx) => {
    for (const id of more) tx.nodes.remove(id);
  });
  await eventually(() => expect(told).toEqual([750, 500]));
  // Its agents may have leases of the former length.
  expect(written()).toBe(750);
});
