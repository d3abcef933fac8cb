import { NodeFacts } from '@shoal/proto';
import { expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { Disk, type Fate } from '../store/backends/unreliable.fixture.ts';
import { aManager, anAgent, assigned, certificateOf, nodeId, showing, trust } from './testing.ts';

/** A manager on a disk that is full while `disk.fate` says so. */
async function aManagerOnADisk() {
  const disk = { fate: 'done' as Fate };
  return { disk, ...(await aManager(new Disk().open(() => disk.fate))) };
}
const beaten = async (agent: ReturnType<typeof anAgent>, number: number) => {
  agent.send({ $case: 'beat', value: { number, beatMs: 500 } });
  await eventually(() =>
    expect(agent.received).toContainEqual({ $case: 'beat', value: { number, beatMs: 500 } }),
  );
};
const facts = (hostname: string) => NodeFacts.fromPartial({ hostname, address: '10.0.0.1' });

it('statuses that can not be written are not acknowledged, end no session, and count once they come again', async () => {
  const { disk, store, port } = await aManagerOnADisk();
  await store.update((tx) => tx.tasks.create(assigned('t1')));
  const agent = anAgent(port);
  agent.hello();
  await eventually(() => expect(agent.sets()).toHaveLength(1));
  disk.fate = 'refused';
  agent.report(1, 't1', 'running');
  await beaten(agent, 1);
  expect(agent.received.some(({ $case }) => $case === 'ack')).toBe(false);
  disk.fate = 'done';
  agent.report(2, 't1', 'running');
  await eventually(() => expect(agent.received).toContainEqual({ $case: 'ack', value: { number: 2 } }));
  expect(store.view.tasks.get('t1')?.observed?.state).toBe('running');
});

it('facts that can not be written are written as soon as they can, the newest of them', async () => {
  const { disk, store, port } = await aManagerOnADisk();
  const agent = anAgent(port);
  agent.hello();
  await eventually(() => expect(agent.sets()).toHaveLength(1));
  const hostname = () => store.view.nodes.get(nodeId)?.reported.description.Hostname;
  disk.fate = 'refused';
  agent.send({ $case: 'facts', value: facts('h2') });
  agent.send({ $case: 'facts', value: facts('h3') });
  await beaten(agent, 1);
  expect(hostname()).toBe('h1');
  disk.fate = 'done';
  await beaten(agent, 2);
  await eventually(() => expect(hostname()).toBe('h3'));
});

it('a full disk keeps no host of the cluster away, whatever it has to tell', async () => {
  const { disk, store, port } = await aManagerOnADisk();
  const first = anAgent(port);
  first.hello();
  await eventually(() => expect(first.sets()).toHaveLength(1));
  disk.fate = 'refused';
  const again = anAgent(port);
  again.hello({ facts: { hostname: 'h2' } });
  await eventually(() => expect(again.sets()).toHaveLength(1));
  await beaten(again, 1);
  expect(store.view.nodes.get(nodeId)?.reported.description.Hostname).toBe('h1');
  disk.fate = 'done';
  await beaten(again, 2);
  await eventually(() => expect(store.view.nodes.get(nodeId)?.reported.description.Hostname).toBe('h2'));
});

it('which root signed the certificate of a host that came while the disk was full is written down later', async () => {
  const { disk, store, port } = await aManagerOnADisk();
  const signedBy = () => store.view.nodes.get(nodeId)?.allotted.signedBy;
  disk.fate = 'refused';
  const agent = anAgent(port);
  agent.hello();
  await eventually(() => expect(agent.sets()).toHaveLength(1));
  agent.send({ $case: 'facts', value: facts('h2') });
  await beaten(agent, 1);
  expect(signedBy()).not.toBe(trust.root.digest);
  disk.fate = 'done';
  await beaten(agent, 2);
  await eventually(() => expect(signedBy()).toBe(trust.root.digest));
  expect(store.view.nodes.get(nodeId)?.reported.description.Hostname).toBe('h2');
});

it('lets nobody in who is not of the cluster, also when greetings share a commit that is refused', async () => {
  const { disk, store, port } = await aManagerOnADisk();
  const ofAnother = showing(await certificateOf(nodeId, { of: 'other' }));
  const removed = showing(await certificateOf('r'.repeat(25)));
  disk.fate = 'refused';
  const agents = [anAgent(port, showing()), anAgent(port, ofAnother), anAgent(port, removed)];
  const returning = anAgent(port);
  let shared = 0;
  const writing = setInterval(() => {
    const write = () => store.update((tx) => tx.tasks.create(assigned('t1')));
    for (let n = 0; n < 10; n++) write().catch(() => shared++);
  });
  for (const agent of [...agents, returning]) agent.hello({ facts: { hostname: 'h2' } });
  const words = await Promise.all(agents.map(({ ended }) => ended));
  await eventually(() => expect(returning.sets()).toHaveLength(1));
  clearInterval(writing);
  expect(shared).toBeGreaterThan(0);
  expect(words).toEqual([
    expect.stringMatching(/showed no certificate/),
    expect.stringMatching(/another cluster/),
    expect.stringMatching(/was removed/),
  ]);
  expect(agents.map(({ received }) => received)).toEqual([[], [], []]);
});

it('a host that comes back with nothing new to say is written nowhere', async () => {
  const { store, port } = await aManagerOnADisk();
  const first = anAgent(port);
  first.hello();
  await eventually(() => expect(first.sets()).toHaveLength(1));
  const { revision } = store;
  const again = anAgent(port);
  again.hello();
  await eventually(() => expect(again.sets()).toHaveLength(1));
  expect(store.revision).toBe(revision);
});

it('from the moment that it is closed, no agent is answered', async () => {
  const { agents, port, left } = await aManagerOnADisk();
  const agent = anAgent(port);
  agent.hello();
  await eventually(() => expect(agent.sets()).toHaveLength(1));
  const beats = agent.received.length;
  agent.send({ $case: 'beat', value: { number: 1, beatMs: 500 } });
  const closed = agents.close();
  await agent.ended;
  await closed;
  expect(agent.received).toHaveLength(beats);
  // Sessions that the manager ends itself are no news about their nodes.
  expect(left).toEqual([]);
});
