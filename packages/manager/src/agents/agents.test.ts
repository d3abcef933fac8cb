import { pino } from 'pino';
import { expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { purposes } from '../model/index.ts';
import { memoryBackend } from '../store/backends/memory.ts';
import { TestStore } from '../store/testing.ts';
import { aNode, aService } from '../testing.ts';
import { aVault } from '../trust/testing.ts';
import { Agents } from './agents.ts';
import { assigned } from './testing.ts';
import { ToldAgent } from './told.fixture.ts';

it("credentials that can't be opened keep no host from what it has to do", async () => {
  const other = aVault();
  const registryAuth = other.seal(other.begin(true), purposes.registryAuth('broken'), 'auth');
  const store = await TestStore.open(memoryBackend(), Date.now);
  await store.update((tx) => {
    for (const id of ['n1', 'n2']) tx.nodes.create(aNode(id));
    tx.services.create(aService('broken', { shoal: { specVersion: 1, registryAuth } }));
    tx.tasks.create(assigned('t1', { ServiceID: 'broken', NodeID: 'n1' }));
  });
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
  const agents = new Agents(store, { clock: Date.now, log, vault: aVault(), onTrust: () => undefined });
  const told = ['n1', 'n2'].map((nodeId) => new ToldAgent(agents, nodeId));
  await eventually(() => expect(told.map(({ number }) => number)).toEqual([1, 1]));
  expect([...(told[0]?.objects.keys() ?? [])]).toContain('task t1');
  expect(lines.join()).toContain('give it anew');
  await agents.close();
  await store.close();
});
