import { Change } from '@shoal/proto';
import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { purposes, type Sealed } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aPayload, aService, aTask } from '../testing.ts';
import { Agents } from './agents.ts';
import { Feed } from './feed/index.ts';
import { Session } from './session.ts';
import { ToldAgent } from './told.fixture.ts';

const bytesEach = 500 * 1024;
const count = 12;
const secrets = Array.from({ length: count }, (_, n) => `s${n}`);

const unseal = (purpose: string) =>
  purpose.startsWith('content') ? Buffer.alloc(bytesEach).toString('base64') : '';

/** A node with a task that has 6 MB of secrets. */
async function manager() {
  const store = await TestStore.open(memoryBackend(), Date.now);
  const agents = new Agents(store, {
    clock: Date.now,
    log: pino({ level: 'silent' }),
    vault: { unseal },
    onTrust: () => undefined,
  });
  const feed = new Feed({ view: store.view, held: () => false, silent: new Set(), unseal });
  expect(purposes.content('secret', 's0', 1)).toMatch(/^content/);
  await store.update((tx) => {
    tx.nodes.create(aNode('n1'));
    tx.services.create(aService('web'));
    for (const id of secrets) tx.secrets.create(aPayload(id, [{ version: 1, at: '', data: 'x' as Sealed }]));
    const Secrets = secrets.map((id) => ({
      SecretID: id,
      SecretName: id,
      ContentVersion: 1,
      File: { Name: id },
    }));
    const Spec = { ContainerSpec: { Image: 'web:1', Secrets } };
    tx.tasks.create(aTask('t1', { NodeID: 'n1', Spec, Status: { State: 'assigned' } }));
  });
  return { agents, feed };
}

const known = (agent: ToldAgent) =>
  [...agent.objects.keys()].filter((key) => key.startsWith('secret ')).length;

it('sends much of what secrets hold in several messages, the task in the first', async () => {
  const { agents } = await manager();
  const agent = new ToldAgent(agents, 'n1');
  await vi.waitFor(() => expect(known(agent)).toBe(count), 30_000);
  // The newest message, of which none has more than three.
  expect(agent.changes.length).toBeLessThanOrEqual(3);
  expect(agent.number).toBeGreaterThanOrEqual(count / 3);
  expect(agent.objects.has('task t1')).toBe(true);
  await agents.close();
});

it('waits with the rest while the agent is slow to read', async () => {
  const { agents } = await manager();
  const agent = new ToldAgent(agents, 'n1');
  agent.slow = true;
  await vi.waitFor(() => expect(known(agent)).toBeGreaterThan(0), 30_000);
  for (let more = known(agent); more < count; more = known(agent)) {
    expect(agent.objects.has('task t1')).toBe(true);
    agent.session.drained();
    agents.flushSoon(agent.session);
    await vi.waitFor(() => expect(known(agent)).toBeGreaterThan(more), 30_000);
    expect(known(agent) - more).toBeLessThanOrEqual(3);
  }
  // And whoever lost track gets all of it anew.
  agent.slow = false;
  agent.session.resync();
  agent.session.drained();
  agent.objects.clear();
  agents.flushSoon(agent.session);
  await vi.waitFor(() => expect(known(agent)).toBe(count), 30_000);
  await agents.close();
});

it('has one message with the large ones on its way at a time, and says of each whether somebody waits for it', async () => {
  const { agents, feed } = await manager();
  const sent: { resultsIn: number; unawaited: boolean; changes: Buffer[] }[] = [];
  const underWay: (() => void)[] = [];
  const session = new Session('n1', {
    write: ({ body }, written) => {
      if (body?.$case === 'changes') sent.push(body.value);
      if (written) underWay.push(written);
      // As streams do for the first 16.
      return true;
    },
    end: () => undefined,
  });
  let rooms = 0;
  session.onRoom = () => rooms++;
  const flush = (awaited: boolean) => [
    session.flush(feed, awaited),
    sent.at(-1)?.resultsIn,
    sent.at(-1)?.unawaited,
  ];
  expect(flush(true)).toEqual([1, 1, false]);
  expect(flush(true)).toEqual([1, 1, false]);
  // What is not large does not wait behind it.
  session.touch('task', 'gone');
  expect(flush(true)).toEqual([2, 2, false]);
  for (let written = underWay.shift(); written; written = underWay.shift()) {
    expect(underWay).toEqual([]);
    written();
    flush(false);
  }
  const large = sent.map(
    ({ changes }) => changes.filter((bytes) => Change.decode(bytes).kind === 'secret').length,
  );
  expect(large).toEqual([1, 0, ...Array(count - 1).fill(1)]);
  expect(rooms).toBe(count - 1);
  await agents.close();
});
