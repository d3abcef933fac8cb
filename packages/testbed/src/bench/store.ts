import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { sqliteBackend } from '../../../manager/src/store/backends/sqlite.ts';
import { Store, type Tx } from '../../../manager/src/store/index.ts';
import { aTask } from '../../../manager/src/testing.ts';
import { report } from './measure/index.ts';

/**
 * What durable updates cost the manager: updates a second, one after the other and 100 at a time, and by how much its
 * event loop is late while 5,000 statuses a second arrive. The disk is that of the machine's folder for temporary files.
 */
const taskCount = 1_000;
const measureMs = 3_000;
const concurrent = 100;
const statusesPerSecond = 5_000;
const tickMs = 10;

export default async function bench(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-store-'));
  try {
    const store = await Store.open(await sqliteBackend(join(folder, 'state.sqlite')), Date.now);
    await store.update((tx) => {
      for (let n = 0; n < taskCount; n++) tx.tasks.create(aTask(String(n)));
    }, 'services');
    report('store', 'one after the other', await updates(store, 1), 'updates/s');
    report('store', `${concurrent} at a time`, await updates(store, concurrent), 'updates/s');
    const { done, lateMs } = await statuses(store);
    report('store', `${statusesPerSecond} statuses/s offered`, done, 'updates/s');
    report('store', `event loop late by, p99, ${statusesPerSecond} statuses/s`, lateMs, 'ms');
    await store.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
  return true;
}

const change = (n: number) => (tx: Tx) => {
  const task = tx.tasks.get(String(n % taskCount));
  const at = new Date(n).toISOString();
  if (task) tx.tasks.update({ ...task, observed: { state: 'running', at, message: 'started' } });
};

async function updates(store: Store, atATime: number): Promise<number> {
  const start = performance.now();
  let done = 0;
  const one = async () => {
    while (performance.now() - start < measureMs) await store.update(change(done++), 'agents');
  };
  await Promise.all(Array.from({ length: atATime }, one));
  return done / ((performance.now() - start) / 1_000);
}

/** Each status is an update of its own, as it is when it comes from an agent of its own. */
async function statuses(store: Store): Promise<{ done: number; lateMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  const under = new Set<Promise<unknown>>();
  let sent = 0;
  for (let now = start; now - start < measureMs; now = performance.now()) {
    for (; sent < ((now - start) / 1_000) * statusesPerSecond; sent++) {
      const one = store.update(change(sent), 'agents').finally(() => under.delete(one));
      under.add(one);
    }
    await sleep(tickMs);
  }
  await Promise.all(under);
  delay.disable();
  const seconds = (performance.now() - start) / 1_000;
  return { done: sent / seconds, lateMs: delay.percentile(99) / 1e6 };
}
