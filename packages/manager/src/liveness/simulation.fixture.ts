import type { HostAnswer } from '@shoal/proto';
import { probeMs, probeTriesAtMs } from '@shoal/proto';
import { beatMsFor, timingOf } from '@shoal/proto/rules';
import type { Leases } from '../model/index.ts';
import { Agenda } from './agenda.fixture.ts';
import { fitBeats } from './beats.ts';
import { type Fault, Faults } from './faults.fixture.ts';
import { pickHelpers, type Ring } from './helpers.ts';
import { byManager, lookMs, type Probe } from './judge.ts';
import { Watches } from './watches.ts';

/*
 * Hosts, links and processes in simulated time, with the real watches in the middle. Host 0 carries the manager
 * and the agent n0. Times in ms.
 */

export interface Plan {
  readonly hosts: number;
  readonly faults: readonly Fault[];
  /** Probability that a packet is lost. */
  readonly loss: number;
  readonly endMs: number;
  readonly seed: number;
  /** Agents beat as in a cluster of so many nodes; as many as there are hosts, if left out. */
  readonly nodes?: number;
  /** From these times on there are so many. */
  readonly sizes?: readonly { readonly from: number; readonly nodes: number }[];
}

export interface Down {
  readonly host: number;
  readonly at: number;
  /** How long the manager has heard nothing of the agent by then. */
  readonly silentMs: number;
}

interface Host {
  heardAt: number;
  /** When the agent has found the manager again. */
  connectedFrom: number;
  /** What it keeps, when it beat last, and which of its plans for the next beat is the valid one. */
  beatMs: number;
  beatAt: number;
  beatPlan: number;
  /** Until when the agent lets isolated tasks run. */
  leaseUntil: number;
  leases: Leases | undefined;
}

const wayMs = 1;
const helperMs = 500;
const restartGapMs = 2_000;

export class World {
  readonly plan: Plan;
  readonly faults: Faults;
  readonly downs: Down[] = [];
  /** When isolated tasks of hosts were declared dead. */
  readonly overs: { readonly host: number; readonly at: number; readonly leaseUntil: number }[] = [];
  /** Hosts that are down now. */
  readonly down = new Set<number>();
  readonly #agenda = new Agenda();
  readonly #hosts: Host[];
  /** All hosts by the order of ids. */
  readonly #ids: readonly string[];
  #watches: Watches;
  /** How often agents are to beat: as it is durable, and as they are told. */
  #written: number;
  #told: number;
  #nodes: number;
  #soon = false;
  #now = 0;
  #random: number;

  constructor(plan: Plan) {
    this.plan = plan;
    this.#random = plan.seed;
    this.#nodes = plan.nodes ?? plan.hosts;
    this.#written = beatMsFor(this.#nodes);
    this.#told = this.#written;
    this.#watches = new Watches(0, this.#written);
    this.#hosts = Array.from({ length: plan.hosts }, () => ({
      heardAt: 0,
      connectedFrom: 0,
      beatMs: this.#written,
      beatAt: 0,
      beatPlan: 0,
      leaseUntil: 0,
      leases: undefined,
    }));
    this.faults = new Faults(plan.hosts, plan.faults);
    this.#ids = this.#hosts.map((_, host) => `n${host}`).sort();
    for (let host = 0; host < plan.hosts; host++) this.#heard(host);
  }

  run(): this {
    const { hosts, faults, sizes = [], endMs } = this.plan;
    for (let host = 0; host < hosts; host++) this.#keep(host, this.#written);
    this.#at(lookMs, () => this.#tick());
    for (const fault of faults) this.#begin(fault);
    for (const { from, nodes } of sizes)
      this.#at(from, () => {
        this.#nodes = nodes;
      });
    for (let next = this.#agenda.take(); next && next.at <= endMs; next = this.#agenda.take()) {
      this.#now = next.at;
      next.act();
    }
    return this;
  }

  #host(host: number): Host {
    const found = this.#hosts[host];
    if (!found) throw new Error(`there is no host ${host}`);
    return found;
  }

  #begin(fault: Fault): void {
    if (fault.kind === 'agentDead' || fault.kind === 'power') {
      const { at } = fault;
      this.#at(fault.from, () => {
        // Its kernel says goodbye for a process that died; a host that lost power can't.
        if (fault.kind === 'agentDead')
          this.#toManager(() => this.#linked(at) && this.#watches.left(`n${at}`));
      });
      this.#at(fault.to, () => this.#connectSoon(at));
    }
    if (fault.kind === 'cut') this.#at(fault.to, () => this.#connectSoon(fault.at));
    if (fault.kind === 'oneWay' && fault.at * fault.towards === 0)
      this.#at(fault.to, () => this.#connectSoon(fault.at + fault.towards));
    if (fault.kind === 'agentStall') this.#at(fault.to + 0.1, () => this.#say(fault.at));
    // Timers come before sockets in a turn of its event loop.
    if (fault.kind === 'managerStall') this.#at(fault.to + 0.005, () => this.#tick(true));
    if (fault.kind === 'managerRestart') this.#at(fault.to + 0.005, () => this.#restart());
  }

  #restart(): void {
    this.#told = this.#written;
    this.#watches = new Watches(this.#now, this.#written);
    for (let host = 0; host < this.plan.hosts; host++) {
      if (this.down.has(host)) this.#watches.inherit(`n${host}`, this.#host(host).leases, this.#now);
      else this.#heard(host);
      this.#connectSoon(host);
    }
  }

  #tick(extra = false): void {
    if (!extra) this.#at(this.#now + lookMs, () => this.#tick());
    if (this.faults.managerWorks(this.#now, this.#now)) this.#look();
  }

  #look(): void {
    const now = this.#now;
    for (const [id, was] of this.#watches.look(now)) {
      const host = Number(id.slice(1));
      this.#noteLeases(host);
      const isDown = was !== 'down' && this.#watches.get(id)?.state === 'down';
      if (isDown) this.downs.push({ host, at: now, silentMs: now - this.#host(host).heardAt });
      if (isDown) this.down.add(host);
    }
    this.#fitBeats();
    const due = this.#watches.due(now, 64);
    if (due.length === 0) return;
    const able = (id: string) => {
      const host = id.slice(1);
      return this.down.has(Number(host)) || !this.#watches.isFresh(id, now) ? undefined : host;
    };
    const ring = { ids: this.#ids, able };
    for (const id of due) this.#probe(id, ring);
  }

  #fitBeats(): void {
    const within = (ms: number) => this.#watches.leasesEndWithin(ms, this.#now);
    const { tell, write } = fitBeats(this.#nodes, this.#written, within);
    // What is told is by the last look, as a commit takes a moment.
    this.#written = write;
    if (tell === this.#told) return;
    this.#told = tell;
    for (let host = 0; host < this.plan.hosts; host++)
      if (this.#linked(host) && this.#now >= this.#host(host).connectedFrom) this.#tell(host);
  }

  /** As one message among others: what is answered later, the agent reads later. */
  #tell(host: number): void {
    const told = this.#told;
    this.#watches.told(`n${host}`, told);
    this.#at(this.#now + wayMs, () => this.#linked(host) && this.#keep(host, told));
  }

  #noteLeases(host: number): void {
    const state = this.#host(host);
    const leases = this.#watches.get(`n${host}`)?.leases;
    if (leases === 'over' && state.leases !== 'over')
      this.overs.push({ host, at: this.#now, leaseUntil: state.leaseUntil });
    state.leases = leases;
  }

  #probe(id: string, ring: Ring): void {
    const watches = this.#watches;
    const from = this.#now;
    const suspect = Number(id.slice(1));
    const rounds = watches.get(id)?.rounds ?? [];
    const helpers = pickHelpers(id, ring, new Set([String(suspect), '0']), rounds);
    const own = this.#try(0, suspect);
    const found = [
      { by: byManager, ...own },
      ...helpers.map((by) => ({ by, ...this.#help(Number(by.slice(1)), suspect) })),
    ];
    const took = Math.max(...found.map(({ ms }) => ms));
    this.#at(from + took, () =>
      this.#toManager(() => {
        const to = this.#now;
        const stalled = to - from > took + probeMs;
        const probes = found.map(
          ({ by, answer }): Probe => ({
            by,
            answer: stalled && by === byManager && answer === 'silent' ? 'unknown' : answer,
          }),
        );
        watches.probed(id, { from, to, probes });
        this.#lookSoon();
      }),
    );
  }

  /** Once for all that comes at the same time. */
  #lookSoon(): void {
    if (this.#soon || this.#watches.manyInDoubt) return;
    this.#soon = true;
    this.#at(this.#now, () => {
      this.#soon = false;
      if (this.faults.managerWorks(this.#now, this.#now)) this.#look();
    });
  }

  #try(prober: number, suspect: number): { answer: HostAnswer; ms: number } {
    for (const ms of probeTriesAtMs) {
      const at = this.#now + ms;
      if (this.faults.reach(prober, suspect, at, at) && this.#passes() && this.#passes())
        return { answer: 'accepted', ms: ms + 2 * wayMs };
    }
    return { answer: 'silent', ms: probeMs };
  }

  #help(helper: number, suspect: number): { answer: HostAnswer; ms: number } {
    const { answer, ms } = this.#try(helper, suspect);
    const from = this.#now;
    const works =
      this.faults.agentAnswers(helper, from, from + ms) && this.faults.reach(0, helper, from, from + ms);
    return works ? { answer, ms: ms + 2 * wayMs } : { answer: 'unknown', ms: helperMs };
  }

  /** The agent beats so often from now on. */
  #keep(host: number, beatMs: number): void {
    const state = this.#host(host);
    state.beatMs = beatMs;
    const left = Math.max(0, beatMs - (this.#now - state.beatAt));
    this.#beatAt(host, this.#now + this.#chance() * left, ++state.beatPlan);
  }

  #beatAt(host: number, at: number, plan: number): void {
    this.#at(at, () => {
      const state = this.#host(host);
      if (state.beatPlan !== plan) return;
      state.beatAt = this.#now;
      this.#beatAt(host, this.#now + state.beatMs, plan);
      this.#say(host);
    });
  }

  /** The agent says something; on a lossy way TCP repeats it, later and later. */
  #say(host: number, isHello = false): void {
    const state = this.#host(host);
    if (!this.faults.agentBeats(host, this.#now, this.#now) || this.#now < state.connectedFrom) return;
    const [sentAt, { beatMs }] = [this.#now, state];
    let late = wayMs;
    for (let wait = 200; !this.#passes(); wait *= 2) late += wait;
    this.#at(this.#now + late, () => {
      if (!this.#linked(host)) return;
      this.#toManager(() => {
        this.#heard(host, isHello ? undefined : beatMs);
        if (isHello) this.#tell(host);
        this.#at(this.#now + wayMs, () => this.#answered(host, sentAt));
      });
    });
  }

  #answered(host: number, sentAt: number): void {
    const state = this.#host(host);
    if (this.#linked(host))
      state.leaseUntil = Math.max(state.leaseUntil, sentAt + timingOf(state.beatMs).leaseMs);
  }

  #linked(host: number): boolean {
    return this.faults.reach(0, host, this.#now, this.#now);
  }

  #connectSoon(host: number): void {
    const at = this.#now + this.#chance() * restartGapMs;
    this.#host(host).connectedFrom = at;
    this.#at(at, () => this.#say(host, true));
  }

  #heard(host: number, beatMs?: number): void {
    this.#host(host).heardAt = this.#now;
    this.#watches.heard(`n${host}`, this.#now, beatMs);
    // It is ready again, by joining if the manager does not know what was thought of it.
    if (this.down.delete(host)) this.#look();
  }

  /** What arrives while the manager is stalled waits for it; what arrives while there is none is lost. */
  #toManager(act: () => unknown): void {
    if (this.faults.managerWorks(this.#now, this.#now)) {
      act();
      return;
    }
    const stallEndsAt = this.faults.stallEndsAt(this.#now);
    if (stallEndsAt !== undefined) this.#at(stallEndsAt + 0.01, () => this.#toManager(act));
  }

  #passes(): boolean {
    return this.plan.loss === 0 || this.#chance() >= this.plan.loss;
  }

  #at(at: number, act: () => void): void {
    this.#agenda.add(at, act);
  }

  /** Uniform in [0, 1), the same for the same seed. */
  #chance(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 2 ** 32;
  }
}
