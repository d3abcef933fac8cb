import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { Load, type LoadReport, type LoadSlot, SLOT_MS } from '../load/index.ts';
import { TestbedError, until } from '../machine/index.ts';
import { conditions } from './conditions.ts';
import type { DrillContext, DrillControls } from './context.ts';
import type { Drill } from './drills.ts';
import type { DrillOptions, Target } from './options.ts';
import { WINDOW_MS } from './outcome.ts';
import type { Answer, DrillRecord, Failure } from './record.ts';
import { hostsOf, type Roles, rolesOf } from './roles.ts';
import { allAnswer, containersOn, create, nameIn, remove, SERVICE } from './service.ts';
import { type DrillEvent, isWhole, type Mark, serving, spreadOf, type View } from './view.ts';
import { Watch } from './watch.ts';

/** Load before the strike, and after everything has been seen. */
const beforeMs = 3_000;
const afterMs = 1_500;
/** Enough that requests go on while a third of them hang until the fault is noticed. */
const load = { concurrency: 40, ratePerSecond: 60 };
/**
 * A request that takes longer has failed. Where none may fail this is long, so that a late answer of a busy machine does not
 * count as lost; where a host dies it is short, so that requests that hang do not hide for long that the others are answered.
 */
const answerMs = ({ goals }: Drill): number => (goals['requests lost'] === 0 ? 5_000 : 1_000);
/** How long the drill waits for each thing. If it does not happen, it is missing in the outcome and the drill goes on. */
const limitMs = {
  running: 180_000,
  replaced: 240_000,
  returned: 60_000,
  balanced: 420_000,
  stopped: 30_000,
};
/** After this time the load ends by itself; no drill takes longer. */
const longestMs = 1_800_000;

/**
 * Plays a drill: deploys a service, sends requests, strikes, waits, heals, waits until all is well, and removes the
 * service. The cluster is as it was before when this resolves or rejects.
 */
export async function runDrill(target: Target, drill: Drill, options: DrillOptions): Promise<DrillRecord> {
  if (target.testbed) await allReady(target.docker);
  const roles = rolesOf(drill, await hostsOf(target.docker), options.victim);
  await drill.prepare?.();
  const play = new Play(target, drill, roles, options);
  try {
    return await play.run();
  } finally {
    await play.cleanUp();
  }
}

/** A host that was struck just before may still be on its way back. */
function allReady(docker: Docker): Promise<boolean> {
  return until(
    'all hosts of the testbed are ready',
    async (seen) => {
      const states = (await docker.listNodes()).map(
        ({ Description, Status }) => `${Description?.Hostname} ${Status?.State}`,
      );
      seen(states);
      return states.every((state) => state.endsWith(' ready'));
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );
}

class Play {
  readonly #target: Target;
  readonly #drill: Drill;
  readonly #roles: Roles;
  readonly #options: DrillOptions;
  readonly #context: DrillContext;
  readonly #events: DrillEvent[] = [];
  readonly #answers: Answer[] = [];
  #created = false;
  #slotsTold = 0;
  #struck = false;
  #watch: Watch | undefined;

  constructor(target: Target, drill: Drill, roles: Roles, options: DrillOptions) {
    this.#target = target;
    this.#drill = drill;
    this.#roles = roles;
    this.#options = options;
    this.#context = {
      docker: target.docker,
      testbed: target.testbed,
      victim: roles.victim,
      manager: roles.manager,
      service: SERVICE,
      signal: options.signal,
    };
  }

  async run(): Promise<DrillRecord> {
    const { docker } = this.#target;
    const { replicas, signal, image } = this.#options;
    this.#phase(`deploying ${SERVICE}: ${replicas} replicas of ${image}`);
    const port = await create(docker, this.#options, () => {
      this.#created = true;
    });
    this.#watch = new Watch(this.#target.ask, SERVICE, (event) => this.#tell(event));
    const watch = this.#watch;
    const even = conditions(this.#drill, { ...this.#roles, desired: replicas, before: [] }).balanced;
    // A live cluster may have its reasons for another spread.
    const ready = this.#target.testbed ? even : (view: typeof watch.view) => isWhole(view, replicas);
    if (!(await watch.until(ready, limitMs.running, signal)))
      throw new TestbedError(
        `The ${replicas} replicas of ${SERVICE} did not come to run evenly within ${limitMs.running / 1000} s, only so: ${spreadText(watch.view, this.#roles.hosts)}. A host that came and went often gets no new tasks for up to 5 minutes.`,
      );
    await allAnswer(this.#roles.addresses, port, replicas, signal);
    return this.#underLoad(port, watch);
  }

  async #underLoad(port: number, watch: Watch): Promise<DrillRecord> {
    const { addresses } = this.#roles;
    const beginMs = Date.now();
    const out = new Set<string>();
    let turn = 0;
    const next = () => {
      const asked = addresses.filter((address) => !out.has(address));
      return asked[turn++ % asked.length];
    };
    const requests = Load.start({
      ...load,
      timeoutMs: answerMs(this.#drill),
      target: () => `http://${next()}:${port}/`,
      maxMs: longestMs,
      onAnswer: (atMs, body) => {
        const by = nameIn(body);
        if (by !== undefined) this.#answers.push({ atMs: beginMs + atMs, by });
      },
    });
    const telling = setInterval(
      () => this.#tellRequests(requests.slots, beginMs, Date.now() - 2 * answerMs(this.#drill)),
      250,
    );
    try {
      this.#phase(`sending ${load.ratePerSecond} requests a second through ${addresses.join(', ')}`);
      await sleep(beforeMs, undefined, { signal: this.#options.signal });
      const before = serving(watch.view).map(({ id }) => id);
      await this.#play(watch, before, this.#controls(watch, port, out));
      await sleep(afterMs, undefined, { signal: this.#options.signal });
      const report = await requests.stop();
      this.#tellRequests(report.slots, beginMs, Number.POSITIVE_INFINITY);
      const endMs = Date.now();
      return {
        drill: this.#drill.name,
        ...this.#roles,
        desired: this.#options.replicas,
        before,
        beginMs,
        endMs,
        events: this.#events,
        slots: report.slots.map((slot) => ({ ...slot, atMs: beginMs + slot.atMs })),
        failures: grouped(report.failures, beginMs),
        answers: this.#answers,
        containers: await this.#containers(watch),
      };
    } finally {
      clearInterval(telling);
      await requests.stop();
    }
  }

  #controls(watch: Watch, port: number, out: Set<string>): DrillControls {
    const { replicas, signal } = this.#options;
    return {
      desired: replicas,
      port,
      says: (text) => this.#phase(text),
      leaveOut: (address) => void out.add(address),
      takeBack: (address) => void out.delete(address),
      until: async (what, holds, timeoutMs) => {
        if (!(await watch.until(holds, timeoutMs, signal)))
          throw new TestbedError(
            `Waited ${timeoutMs / 1000} s in vain until ${what}; the tasks: ${spreadText(watch.view, this.#roles.hosts)}.`,
          );
      },
      allAnswer: () => allAnswer(this.#roles.addresses, port, replicas, signal),
    };
  }

  /** Strike, wait, heal, wait. What does not happen within its limit is missing in the record, and so in the outcome. */
  async #play(watch: Watch, before: readonly string[], controls: DrillControls): Promise<void> {
    const { signal, replicas } = this.#options;
    const { awaits, heal } = this.#drill;
    const { inTrouble, replaced, balanced } = conditions(this.#drill, {
      ...this.#roles,
      desired: replicas,
      before,
    });
    this.#phase(`striking: ${this.#drill.says}`);
    this.#struck = true;
    this.#mark('struck', await this.#drill.strike(this.#context));
    await this.#drill.goesOn?.(this.#context, controls);
    if (typeof awaits === 'object') await sleep(awaits.holdMs, undefined, { signal });
    else await watch.until(replaced, limitMs.replaced, signal);
    // Leaves room for a second without an error before the next disturbance.
    await sleep(WINDOW_MS, undefined, { signal });
    await this.#options.underFault?.(this.#roles);
    if (heal) {
      this.#mark('healed', Date.now());
      this.#phase('healing');
      await heal(this.#context);
    }
    this.#struck = false;
    await watch.until((view) => !inTrouble(view), limitMs.returned, signal);
    const evenly = this.#options.untilBalanced;
    this.#phase(evenly ? 'waiting until the tasks are spread evenly' : 'waiting until every slot is served');
    await watch.until(evenly ? balanced : (view) => isWhole(view, replicas), limitMs.balanced, signal);
  }

  /** The service's containers on the testbed's hosts, once those that are being stopped have ended: any that is left over is an orphan. */
  async #containers(watch: Watch): Promise<DrillRecord['containers']> {
    const hosts = this.#target.testbed?.hosts;
    if (!hosts) return undefined;
    const limit = performance.now() + limitMs.stopped;
    for (;;) {
      const found = await containersOn(hosts);
      const tasks = new Set(serving(watch.view).map(({ id }) => id));
      if (found.every(({ task }) => tasks.has(task)) || performance.now() > limit) return found;
      await sleep(250, undefined, { signal: this.#options.signal });
    }
  }

  /** Undoes all that the drill did so far; safe to call when nothing is left to undo. */
  async cleanUp(): Promise<void> {
    const { docker, testbed } = this.#target;
    await this.#watch?.stop();
    try {
      if (this.#struck) await this.#drill.heal?.(this.#context);
    } finally {
      if (this.#created) {
        this.#phase(`removing ${SERVICE}`);
        await remove(docker, testbed?.hosts ?? []);
      }
      await this.#drill.afterwards?.(this.#context);
    }
  }

  /** The tenths of a second whose requests have all been answered or given up. */
  #tellRequests(slots: readonly LoadSlot[], beginMs: number, untilMs: number): void {
    for (const slot of slots.slice(this.#slotsTold)) {
      const { ok, failed, maxMs } = slot;
      const atMs = beginMs + slot.atMs;
      if (atMs + SLOT_MS > untilMs) return;
      this.#slotsTold++;
      this.#options.tell({ type: 'requests', atMs, ok, failed, maxMs });
    }
  }

  #phase(says: string): void {
    this.#tell({ type: 'phase', atMs: Date.now(), says });
  }

  #mark(mark: Mark, atMs: number): void {
    this.#tell({ type: 'mark', atMs, mark });
  }

  #tell(event: DrillEvent): void {
    this.#events.push(event);
    this.#options.tell(event);
  }
}

const spreadText = (view: View, hosts: readonly string[]): string =>
  Object.entries(spreadOf(view, hosts))
    .map(([host, count]) => `${host} ${count}`)
    .join(', ');

/** Grouped by reason, without the addresses and ports in it, and by the host that was asked. */
function grouped(failures: LoadReport['failures'], beginMs: number): Failure[] {
  const kinds = Map.groupBy(failures, ({ why, url }) =>
    JSON.stringify([why.replace(/ \d+\.\d+\.\d+\.\d+:\d+/, ''), new URL(url).hostname]),
  );
  return [...kinds].map(([kind, those]) => {
    const [why, through] = JSON.parse(kind) as [string, string];
    const times = those.map(({ atMs }) => beginMs + atMs);
    return { why, through, count: those.length, firstMs: Math.min(...times), lastMs: Math.max(...times) };
  });
}
