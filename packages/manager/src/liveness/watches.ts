import type { Leases } from '../model/index.ts';
import {
  answers,
  type Crowd,
  crowdOf,
  helperPatienceMs,
  isUnheard,
  judge,
  lateMs,
  leasesOf,
  lookMs,
  type Round,
  readRound,
  type State,
  suspectMs,
  type Watch,
} from './judge.ts';

/**
 * From the start of one round to the start of the next. Short at first, since the kernel of a dying host may outlive its agent
 * for a moment, and while nobody answers; longer once it is known that only the agent is away.
 */
const roundMs = 250;
const awayRoundMs = 500;
/** The same, for a host that is down, until its isolated tasks have ended for sure. */
const leaseRoundMs = 1_000;

interface Entry extends Watch {
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

/**
 * What is known of all nodes, and what follows from it. No clock of its own, no I/O. What a look costs follows the number of
 * nodes that are in doubt, not of all.
 *
 * Silence is counted in time that stands still while the manager does not look: it doubts itself first.
 */
export class Watches {
  readonly #entries = new Map<string, Entry>();
  /** Heard in time, those first that were heard longest ago. */
  readonly #fresh = new Set<string>();
  /** What a look judges: nodes that are late, were left, or are back. One that is down stays until its leases are over. */
  readonly #doubted = new Set<string>();
  #givenUp = 0;
  #lastLook: number;
  /** All stalls until the newest look, and that look's own, ms. */
  #stoodStillMs = 0;
  #stalledMs = 0;
  #crowd: Crowd = { known: 0, unheard: 0, unanswered: 0 };

  constructor(now: number) {
    this.#lastLook = now;
  }

  /** A message of this node arrived. */
  heard(id: string, now: number): void {
    const was = this.#entries.get(id);
    if (was?.givenUp) this.#givenUp--;
    this.#entries.set(id, {
      heardAt: this.#time(now),
      broken: false,
      answered: false,
      silentRounds: 0,
      refused: false,
      rounds: [],
      probing: undefined,
      givenUp: false,
      leases: undefined,
      inherited: false,
      state: was?.state ?? 'heard',
    });
    this.#fresh.delete(id);
    this.#fresh.add(id);
    if (was && was.state !== 'heard') this.#doubted.add(id);
  }

  /** A previous run of the manager judged it down; nobody knows when it was last heard. */
  inherit(id: string, leases: Leases | undefined, now: number): void {
    this.heard(id, now);
    this.#change(id, { state: 'down', givenUp: true, inherited: true, leases });
    this.#givenUp++;
    this.#doubted.add(id);
  }

  /** The node's stream ended: a hint, no more. */
  left(id: string): void {
    this.#change(id, { broken: true });
    if (this.#entries.has(id)) this.#doubted.add(id);
  }

  forget(id: string): void {
    if (this.#entries.get(id)?.givenUp) this.#givenUp--;
    this.#entries.delete(id);
    this.#fresh.delete(id);
    this.#doubted.delete(id);
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** For how long nothing was heard of it, ms. */
  silenceMs({ heardAt }: Entry, now: number): number {
    return this.#time(now) - heardAt;
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
    this.#stalledMs = Math.max(0, now - this.#lastLook - lookMs);
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
    const says = readRound(round.probes, this.silenceMs(entry, round.to) < helperPatienceMs);
    this.#change(id, {
      probing: undefined,
      rounds: [...entry.rounds, round].slice(-keptRounds),
      ...(says === 'answered' && { answered: true, silentRounds: 0 }),
      ...(says === 'silent' && { silentRounds: entry.silentRounds + 1 }),
      refused: entry.refused || round.probes.some(({ answer }) => answer === 'refused'),
    });
  }

  #time(now: number): number {
    return Math.min(now, this.#lastLook + lookMs) - this.#stoodStillMs;
  }

  #doubtLate(time: number): void {
    for (const id of this.#fresh) {
      const entry = this.#entries.get(id);
      if (entry && time - entry.heardAt < lateMs) return;
      this.#fresh.delete(id);
      this.#doubted.add(id);
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
    const state = entry.givenUp ? 'down' : judge(entry, this.#crowd, time);
    const leases = state === 'down' ? nextLeases(entry, time) : undefined;
    if (state === 'down' && !entry.givenUp) this.#givenUp++;
    if (state !== entry.state || leases !== entry.leases)
      this.#change(id, { state, givenUp: state === 'down', leases });
    // Nothing more can become of it until it is heard again, or late.
    const settled =
      state === 'heard' ? this.#fresh.has(id) : leases === 'over' && entry.probing === undefined;
    if (settled) this.#doubted.delete(id);
  }

  #change(id: string, change: Partial<Entry>): void {
    const entry = this.#entries.get(id);
    if (entry) this.#entries.set(id, { ...entry, ...change });
  }
}

const nextLeases = (entry: Entry, time: number): Leases =>
  entry.leases === 'over' ? 'over' : leasesOf(entry, time);

function isDue(entry: Entry, silenceMs: number, now: number): boolean {
  const { state, probing, rounds, leases } = entry;
  if (probing !== undefined || state === 'heard' || leases === 'over') return false;
  const last = rounds.at(-1);
  const isAway = answers(entry) && silenceMs >= suspectMs;
  const ms = state === 'down' ? leaseRoundMs : isAway ? awayRoundMs : roundMs;
  return !last || now - last.from >= ms;
}
