import { timingOf } from '@shoal/proto/rules';
import type { Leases } from '../model/index.ts';
import {
  answers,
  type Crowd,
  crowdOf,
  doubtsAgents,
  doubtsHosts,
  isUnheard,
  judge,
  leasesOf,
  longestGapMs,
  type Round,
  readRound,
  type State,
  type Watch,
} from './judge.ts';

/**
 * From the start of one round to the start of the next. Short at first, since the kernel of a dying host may outlive its agent
 * for a moment, and while nobody answers; longer once it is known that only the agent is away.
 */
export const roundMs = 250;
const awayRoundMs = 500;
/** The same, for a host that is down, until its isolated tasks have ended for sure. */
const leaseRoundMs = 1_000;

interface Entry extends Watch {
  /** How often its agent was told last to beat, and how often it does as of its last beat, ms. */
  readonly told: number;
  readonly kept: number;
  /** As of the latest look. */
  readonly state: State;
  /** Down, and not heard since. */
  readonly givenUp: boolean;
  /** Undefined while it is not down. `over` stays until it is heard again. */
  readonly leases: Leases | undefined;
  /** It was down already when this manager was started. */
  readonly inherited: boolean;
  /** The latest round since it was heard: the evidence for its judgement. */
  readonly rounds: readonly Round[];
  /** When the round under way began. */
  readonly probing: number | undefined;
}

const keptRounds = 3;
const mostLookedAtSoon = 64;

/**
 * What is known of all nodes, and what follows from it. No clock of its own, no I/O. What a look costs follows the number of
 * nodes that are in doubt, not of all.
 *
 * Silence is counted in time that stands still while the manager stalls: it doubts itself first.
 */
export class Watches {
  readonly #entries = new Map<string, Entry>();
  /** Heard in time, by how often they beat; those first that were heard longest ago. */
  readonly #fresh = new Map<number, Set<string>>();
  /** What a look judges: nodes that are late, were left, or are back. One that is down stays until its leases are over. */
  readonly #doubted = new Set<string>();
  readonly #beatMs: number;
  /** No agent was ever told to beat less often: none gets more patience, whatever it says of itself. */
  #longestBeatMs: number;
  #givenUp = 0;
  #lastLook: number;
  /** All stalls until the latest look, and its own, ms. */
  #stoodStillMs = 0;
  #stalledMs = 0;
  /** The latest look at which the manager doubted what it finds of hosts; and of agents, in the time that stands still. */
  #doubtedAt = Number.NEGATIVE_INFINITY;
  #agentsDoubtedAt = Number.NEGATIVE_INFINITY;
  #crowd: Crowd = { known: 0, unheard: 0, unanswered: 0 };

  /** `beatMs`: how often agents beat of which no more is known, at least. */
  constructor(now: number, beatMs: number) {
    this.#lastLook = now;
    this.#beatMs = beatMs;
    this.#longestBeatMs = beatMs;
  }

  /** A message of this node arrived; `kept`: if it was a beat, how often its agent beats, ms. */
  heard(id: string, now: number, kept?: number): void {
    const was = this.#entries.get(id);
    if (was?.givenUp) this.#givenUp--;
    if (was) this.#freshOf(was).delete(id);
    const heardAt = this.#time(now);
    const keeps = Math.min(kept || (was?.kept ?? this.#beatMs), this.#longestBeatMs);
    const entry: Entry = {
      ...timed(was?.told ?? this.#beatMs, keeps, heardAt, was),
      heardAt,
      broken: false,
      answered: false,
      silentRounds: 0,
      soundRounds: 0,
      refused: false,
      rounds: [],
      probing: undefined,
      givenUp: false,
      leases: undefined,
      inherited: false,
      state: was?.state ?? 'heard',
    };
    this.#entries.set(id, entry);
    this.#freshOf(entry).add(id);
    if (was && was.state !== 'heard') this.#doubted.add(id);
  }

  /** A previous run of the manager judged it down; nobody knows when it was last heard. */
  inherit(id: string, leases: Leases | undefined, now: number): void {
    this.heard(id, now);
    this.#change(id, { state: 'down', givenUp: true, inherited: true, leases });
    this.#givenUp++;
    this.#doubted.add(id);
  }

  /**
   * Its agent is being told to beat so often. It is judged by that from now on, but not by shorter beats before it keeps them.
   */
  told(id: string, beatMs: number): void {
    this.#longestBeatMs = Math.max(this.#longestBeatMs, beatMs);
    const entry = this.#entries.get(id);
    if (!entry || entry.told === beatMs) return;
    this.#freshOf(entry).delete(id);
    this.#change(id, timed(beatMs, entry.kept, entry.heardAt, entry));
    // Until it is heard: among those that beat so often it would be out of turn.
    this.#doubted.add(id);
  }

  /** Every lease that any agent may have is over within so many ms. */
  leasesEndWithin(ms: number, now: number): boolean {
    const time = this.#time(now);
    for (const { leaseOverAt } of this.#entries.values()) if (leaseOverAt - time > ms) return false;
    return true;
  }

  /** The node's stream ended: a hint, no more. */
  left(id: string): void {
    this.#change(id, { broken: true });
    if (this.#entries.has(id)) this.#doubted.add(id);
  }

  forget(id: string): void {
    const was = this.#entries.get(id);
    if (!was) return;
    if (was.givenUp) this.#givenUp--;
    this.#entries.delete(id);
    this.#freshOf(was).delete(id);
    this.#doubted.delete(id);
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** For how long nothing was heard of it, ms. */
  silenceMs({ heardAt }: Entry, now: number): number {
    return this.#time(now) - heardAt;
  }

  /**
   * A look costs what nodes in doubt there are, and must leave the manager time to hear those that come back: what happens
   * now waits for the next look.
   */
  get manyInDoubt(): boolean {
    return this.#doubted.size > mostLookedAtSoon;
  }

  get crowd(): Crowd {
    return this.#crowd;
  }

  /** How long the manager stalled before the latest look, ms. */
  get stalledMs(): number {
    return this.#stalledMs;
  }

  /** Heard in time: it may be asked to help. */
  isFresh(id: string, now: number): boolean {
    const entry = this.#entries.get(id);
    return entry !== undefined && !isUnheard(entry, this.#time(now));
  }

  /** Judges all nodes of which there may be something new. Returns these, with the judgement before. */
  look(now: number): Map<string, State> {
    this.#stalledMs = Math.max(0, now - this.#lastLook - longestGapMs);
    this.#stoodStillMs += this.#stalledMs;
    this.#lastLook = now;
    const time = this.#time(now);
    this.#doubtLate(time);
    const inDoubt = this.#inDoubt().filter(([, { givenUp }]) => !givenUp);
    this.#crowd = crowdOf(
      inDoubt.map(([, entry]) => entry),
      this.#entries.size - this.#givenUp,
      time,
    );
    if (doubtsHosts(this.#crowd)) this.#doubtedAt = now;
    if (doubtsAgents(this.#crowd)) this.#agentsDoubtedAt = time;
    const judged = new Map<string, State>();
    for (const [id, entry] of this.#inDoubt()) {
      judged.set(id, entry.state);
      this.#judge(id, entry, time);
    }
    return judged;
  }

  /**
   * Nodes to probe in a round that begins now, so that at most `most` are being probed at a time. `probed` must be called
   * with each one's outcome, whatever it is.
   */
  due(now: number, most: number): string[] {
    const inDoubt = this.#inDoubt();
    const busy = inDoubt.filter(([, { probing }]) => probing !== undefined).length;
    const due = inDoubt
      .filter(([, entry]) => isDue(entry, this.silenceMs(entry, now), now))
      // Nodes that are not down come first, then those that waited longest.
      .sort(
        ([, a], [, b]) =>
          Number(a.givenUp) - Number(b.givenUp) ||
          (a.rounds.at(-1)?.from ?? 0) - (b.rounds.at(-1)?.from ?? 0),
      )
      .slice(0, Math.max(0, most - busy))
      .map(([id]) => id);
    for (const id of due) this.#change(id, { probing: now });
    return due;
  }

  /** A round has ended. */
  probed(id: string, round: Round): void {
    const entry = this.#entries.get(id);
    // It was heard meanwhile, which counts more.
    if (entry?.probing !== round.from) return;
    const says = readRound(round.probes, this.silenceMs(entry, round.to) < entry.timing.helperPatienceMs);
    this.#change(id, {
      probing: undefined,
      rounds: [...entry.rounds, round].slice(-keptRounds),
      ...(says === 'answered' && { answered: true, silentRounds: 0, soundRounds: 0 }),
      ...(says === 'silent' && {
        silentRounds: entry.silentRounds + 1,
        soundRounds: round.from > this.#doubtedAt ? entry.soundRounds + 1 : 0,
      }),
      refused: entry.refused || round.probes.some(({ answer }) => answer === 'refused'),
    });
  }

  #time(now: number): number {
    return Math.min(now, this.#lastLook + longestGapMs) - this.#stoodStillMs;
  }

  #freshOf({ timing: { beatMs } }: Entry): Set<string> {
    const fresh = this.#fresh.get(beatMs) ?? new Set();
    this.#fresh.set(beatMs, fresh);
    return fresh;
  }

  #doubtLate(time: number): void {
    for (const [beatMs, fresh] of this.#fresh) {
      const { lateMs } = timingOf(beatMs);
      for (const id of fresh) {
        const entry = this.#entries.get(id);
        if (entry && time - entry.heardAt < lateMs) break;
        fresh.delete(id);
        this.#doubted.add(id);
      }
      if (fresh.size === 0) this.#fresh.delete(beatMs);
    }
  }

  #inDoubt(): [string, Entry][] {
    const inDoubt: [string, Entry][] = [];
    for (const id of this.#doubted) {
      const entry = this.#entries.get(id);
      if (entry) inDoubt.push([id, entry]);
    }
    return inDoubt;
  }

  #judge(id: string, entry: Entry, time: number): void {
    const state = entry.givenUp ? 'down' : judge(entry, this.#crowd, time - this.#agentsDoubtedAt, time);
    const leases = state === 'down' ? nextLeases(entry, time) : undefined;
    if (state === 'down' && !entry.givenUp) this.#givenUp++;
    if (state !== entry.state || leases !== entry.leases)
      this.#change(id, { state, givenUp: state === 'down', leases });
    // Nothing more can become of it until it is heard again, or late.
    const settled =
      state === 'heard' ? this.#freshOf(entry).has(id) : leases === 'over' && entry.probing === undefined;
    if (settled) this.#doubted.delete(id);
  }

  #change(id: string, change: Partial<Entry>): void {
    const entry = this.#entries.get(id);
    if (entry) this.#entries.set(id, { ...entry, ...change });
  }
}

type Timed = Pick<Entry, 'told' | 'kept' | 'timing' | 'leaseOverAt'>;

/** What a node is judged by, and when its leases are over: neither is shorter than what its agent may go by. */
function timed(told: number, kept: number, heardAt: number, was: Entry | undefined): Timed {
  const beatMs = Math.max(told, kept);
  const timing = was?.timing.beatMs === beatMs ? was.timing : timingOf(beatMs);
  return { told, kept, timing, leaseOverAt: Math.max(was?.leaseOverAt ?? 0, heardAt + timing.replaceMs) };
}

const nextLeases = (entry: Entry, time: number): Leases =>
  entry.leases === 'over' ? 'over' : leasesOf(entry, time);

function isDue(entry: Entry, silenceMs: number, now: number): boolean {
  const { state, probing, rounds, leases, timing } = entry;
  if (probing !== undefined || state === 'heard' || leases === 'over') return false;
  const last = rounds.at(-1);
  const isAway = answers(entry) && silenceMs >= timing.suspectMs;
  const ms = state === 'down' ? leaseRoundMs : isAway ? awayRoundMs : roundMs;
  return !last || now - last.from >= ms;
}
