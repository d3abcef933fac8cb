import { setTimeout as sleep } from 'node:timers/promises';
import { HostTasks } from '@shoal/proto';
import type { Logger } from 'pino';
import type { Ask } from '../insight/index.ts';
import type { Restored } from '../model/index.ts';
import type { Store } from '../store/index.ts';
import { areSame, type Differences, differences, type HostTask } from './differences.ts';

const lookMs = 1_000;
const answerMs = 5_000;
const stays = 'the hosts are as the backup says, but the hold could not be ended yet';

export interface HoldOptions {
  readonly ask: Ask;
  readonly log: Logger;
}

/** Of a manager that was restored from a backup. While it lasts, the hosts are told nothing. */
export interface Hold {
  /** Asks all hosts what they have. */
  look(): Promise<Differences>;
  /** Resolves when it is over, in the store too; never, if it is closed before. */
  readonly over: Promise<void>;
  close(): Promise<void>;
}

/** Ends by itself as soon as all hosts have what the state says; else when somebody ends it, see `endHold`. */
export function hold(store: Store, { madeAt, formerManager }: Restored, { ask, log }: HoldOptions): Hold {
  const closing = new AbortController();
  const over = Promise.withResolvers<void>();
  const unwatch = store.watch(({ changes }) => {
    if (changes.some(({ table, after }) => table === 'clusters' && after && !after.restored)) over.resolve();
  });
  const askHosts = async (): Promise<Differences> => {
    const said = await Promise.all(
      [...store.view.nodes.all()].map(async ({ ID }) => [ID, await tasksOn(ask, ID)] as const),
    );
    const answers = new Map(said.flatMap(([id, tasks]) => (tasks ? [[id, tasks] as const] : [])));
    return differences(store.view, formerManager, answers);
  };
  let looking: Promise<Differences> | undefined;
  // However many people look at the same time, a host is asked once.
  const look = () => {
    looking ??= askHosts().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const run = async () => {
    log.warn({ madeAt }, 'restored from a backup: the hosts go on as they are until all is as it was then');
    for (let told = ''; !closing.signal.aborted; await pause(closing.signal)) {
      const found = await look();
      if (closing.signal.aborted) return;
      if (areSame(found)) await endHold(store, 'manager').catch((err: unknown) => log.warn({ err }, stays));
      const now = JSON.stringify(found);
      if (now !== told && !areSame(found)) log.warn(found, 'the hosts are not as the backup says');
      told = now;
    }
  };
  const running = run();
  return {
    look,
    over: over.promise,
    async close() {
      closing.abort();
      unwatch();
      await running;
    },
  };
}

/** The hosts do what the state says from now on. */
export function endHold(store: Pick<Store, 'update'>, by: 'people' | 'manager'): Promise<void> {
  return store.update((tx) => {
    const [cluster] = tx.clusters.all();
    if (!cluster?.restored) return;
    const { restored: _, ...rest } = cluster;
    tx.clusters.update(rest);
  }, by);
}

const pause = (signal: AbortSignal) => sleep(lookMs, undefined, { signal }).catch(() => undefined);

/** Undefined for one that does not say, or nothing that makes sense. */
async function tasksOn(ask: Ask, nodeId: string): Promise<readonly HostTask[] | undefined> {
  try {
    const said = await ask(nodeId, { $case: 'hostTasks', value: {} }, answerMs);
    const { tasks } = said as { tasks?: unknown };
    return Array.isArray(tasks) ? HostTasks.fromPartial({ tasks }).tasks : undefined;
  } catch {
    return undefined;
  }
}
