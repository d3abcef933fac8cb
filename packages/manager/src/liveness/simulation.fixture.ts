import type { HostAnswer } from '@shoal/proto';
import { probeMs, probeTriesAtMs } from '@shoal/proto';
import { beatMs, leaseMs } from '@shoal/proto/rules';
import type { Leases } from '../model/index.ts';
import { pickHelpers } from './helpers.ts';
import { byManager, lookMs, type Probe } from './judge.ts';
import { Watches } from './watches.ts';

/*
 * Hosts, links and processes in simulated time, with the real watches in the middle. Host 0 carries the manager
 * and the agent n0. Times in ms.
 */

/** Something that goes wrong with host `at` from `from` on, until `to`. */
export type Fault = { readonly from: number; readonly to: number } & (
  | { readonly kind: 'power' | 'cut' | 'agentDead' | 'agentStall' | 'mute'; readonly at: number }
  /** What `at` sends to `towards` is lost. */
  | { readonly kind: 'oneWay'; readonly at: number; readonly towards: number }
  | { readonly kind: 'managerStall' | 'managerRestart' }
);

export interface Plan {
  readonly hosts: number;
  readonly faults: readonly Fault[];
  /** Probability that a packet is lost. */
  readonly loss: number;
  readonly endMs: number;
  readonly seed: number;
}

export interface Down {
  readonly host: number;
  readonly at: number;
  /** How long the manager has heard nothing of the agent by then. */
  readonly silentMs: number;
}

const wayMs = 1;
const helperMs = 500;
const restartGapMs = 2_000;

export class World {
  readonly plan: Plan;
  readonly downs: Down[] = [];
  /** When isolated tasks of hosts were declared dead. */
  readonly overs: { readonly host: number; readonly at: number; readonly leaseUntil: number }[] = [];
  /** Hosts that are down now. */
  readonly down = new Set<number>();
  readonly #queue: { at: number; act: () => void }[] = [];
  readonly #heardAt: number[] = [];
  readonly #leases: (Leases | undefined)[] = [];
  /** When the agent has found the manager again. */
  readonly #connectedFrom: number[];
  /** Until when the agents let isolated tasks run. */
  readonly #leaseUntil: number[] = [];
  readonly #ring: readonly string[];
  #watches: Watches;
  #now = 0;
  #random: number;

  constructor(plan: Plan) {
    this.plan = plan;
    this.#random = plan.seed;
    this.#watches = new Watches(0);
    this.#connectedFrom = Array.from({ length: plan.hosts }, () => 0);
    this.#ring = this.#connectedFrom.map((_, host) => `n${host}`).sort();
    for (let host = 0; host < plan.hosts; host++) this.#heard(host);
  }

  run(): this {
    const { hosts, faults, endMs } = this.plan;
    for (let host = 0; host < hosts; host++) this.#at(this.#chance() * beatMs, () => this.#beat(host));
    this.#at(lookMs, () => this.#tick());
    for (const fault of faults) this.#begin(fault);
    for (let next = this.#queue.shift(); next && next.at <= endMs; next = this.#queue.shift()) {
      this.#now = next.at;
      next.act();
    }
    return this;
  }

  /** The host runs, and packets pass between it and `other` both ways, without a break from `from` to `to`. */
  reach(other: number, host: number, from: number, to: number): boolean {
    return !this.plan.faults.some((fault) => {
      if (fault.from > to || fault.to < from) return false;
      if (fault.kind === 'power' || fault.kind === 'cut') {
        const concerns = fault.at === host || fault.at === other;
        return concerns && (other !== host || fault.kind === 'power');
      }
      if (fault.kind !== 'oneWay') return false;
      const { at, towards } = fault;
      return (at === host && towards === other) || (at === other && towards === host);
    });
  }

  /** The host's agent beats without a break. */
  agentBeats(host: number, from: number, to: number): boolean {
    const bad = ['power', 'agentDead', 'agentStall'];
    return !this.plan.faults.some(
      (fault) =>
        bad.includes(fault.kind) &&
        'at' in fault &&
        fault.at === host &&
        fault.from <= to &&
        fault.to >= from,
    );
  }

  /** It also answers questions. */
  agentAnswers(host: number, from: number, to: number): boolean {
    const mute = this.plan.faults.some(
      (fault) => fault.kind === 'mute' && fault.at === host && fault.from <= to && fault.to >= from,
    );
    return !mute && this.agentBeats(host, from, to);
  }

  managerWorks(from: number, to: number): boolean {
    return !this.plan.faults.some(
      ({ kind, ...fault }) =>
        (kind === 'managerStall' || kind === 'managerRestart') && fault.from <= to && fault.to >= from,
    );
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
    if (fault.kind === 'managerRestart')
      this.#at(fault.to + 0.005, () => {
        this.#watches = new Watches(this.#now);
        for (let host = 0; host < this.plan.hosts; host++) {
          if (this.down.has(host)) this.#watches.inherit(`n${host}`, this.#leases[host], this.#now);
          else this.#heard(host);
          this.#connectSoon(host);
        }
      });
  }

  #tick(extra = false): void {
    if (!extra) this.#at(this.#now + lookMs, () => this.#tick());
    if (this.managerWorks(this.#now, this.#now)) this.#look();
  }

  #look(): void {
    const now = this.#now;
    for (let host = 0; host < this.plan.hosts; host++) this.#noteLeases(host);
    for (const [id, was] of this.#watches.look(now)) {
      const host = Number(id.slice(1));
      const isDown = was !== 'down' && this.#watches.get(id)?.state === 'down';
      if (isDown) this.downs.push({ host, at: now, silentMs: now - (this.#heardAt[host] ?? 0) });
      if (isDown) this.down.add(host);
    }
    for (const id of this.#watches.due(now, 64)) this.#probe(id);
  }

  #noteLeases(host: number): void {
    const leases = this.#watches.get(`n${host}`)?.leases;
    if (leases === 'over' && this.#leases[host] !== 'over')
      this.overs.push({ host, at: this.#now, leaseUntil: this.#leaseUntil[host] ?? 0 });
    this.#leases[host] = leases;
  }

  #probe(id: string): void {
    const watches = this.#watches;
    const from = this.#now;
    const suspect = Number(id.slice(1));
    const helps = (id: string) => {
      const host = Number(id.slice(1));
      return !this.down.has(host) && watches.isFresh(id, from) ? String(host) : undefined;
    };
    const rounds = watches.get(id)?.rounds ?? [];
    const helpers = pickHelpers(id, this.#ring, helps, new Set([String(suspect), '0']), rounds);
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
        if (watches === this.#watches) this.#look();
      }),
    );
  }

  #try(prober: number, suspect: number): { answer: HostAnswer; ms: number } {
    for (const ms of probeTriesAtMs) {
      const at = this.#now + ms;
      if (this.reach(prober, suspect, at, at) && this.#passes() && this.#passes())
        return { answer: 'accepted', ms: ms + 2 * wayMs };
    }
    return { answer: 'silent', ms: probeMs };
  }

  #help(helper: number, suspect: number): { answer: HostAnswer; ms: number } {
    const { answer, ms } = this.#try(helper, suspect);
    const from = this.#now;
    const works = this.agentAnswers(helper, from, from + ms) && this.reach(0, helper, from, from + ms);
    return works ? { answer, ms: ms + 2 * wayMs } : { answer: 'unknown', ms: helperMs };
  }

  #beat(host: number): void {
    this.#at(this.#now + beatMs, () => this.#beat(host));
    this.#say(host);
  }

  /** The agent says something; on a lossy way TCP repeats it, later and later. */
  #say(host: number): void {
    if (!this.agentBeats(host, this.#now, this.#now) || this.#now < (this.#connectedFrom[host] ?? 0)) return;
    const sentAt = this.#now;
    let late = wayMs;
    for (let wait = 200; !this.#passes(); wait *= 2) late += wait;
    this.#at(this.#now + late, () => {
      if (!this.#linked(host)) return;
      this.#toManager(() => {
        this.#heard(host);
        this.#at(this.#now + wayMs, () => this.#answered(host, sentAt));
      });
    });
  }

  #answered(host: number, sentAt: number): void {
    if (this.#linked(host)) this.#leaseUntil[host] = Math.max(this.#leaseUntil[host] ?? 0, sentAt + leaseMs);
  }

  #linked(host: number): boolean {
    return this.reach(0, host, this.#now, this.#now);
  }

  #connectSoon(host: number): void {
    this.#connectedFrom[host] = this.#now + this.#chance() * restartGapMs;
    this.#at(this.#connectedFrom[host] ?? 0, () => this.#say(host));
  }

  #heard(host: number): void {
    this.#heardAt[host] = this.#now;
    this.#watches.heard(`n${host}`, this.#now);
    // It is ready again, by joining if the manager does not know what was thought of it.
    if (this.down.delete(host)) this.#look();
  }

  /** What arrives while the manager is stalled waits for it; what arrives while there is none is lost. */
  #toManager(act: () => unknown): void {
    if (this.managerWorks(this.#now, this.#now)) {
      act();
      return;
    }
    const stall = this.plan.faults.find(
      ({ kind, from, to }) => kind === 'managerStall' && from <= this.#now && this.#now <= to,
    );
    if (stall) this.#at(stall.to + 0.01, () => this.#toManager(act));
  }

  #passes(): boolean {
    return this.plan.loss === 0 || this.#chance() >= this.plan.loss;
  }

  /** In the order of time, and of asking. */
  #at(at: number, act: () => void): void {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#queue[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, { at, act });
  }

  /** Uniform in [0, 1), the same for the same seed. */
  #chance(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 2 ** 32;
  }
}
