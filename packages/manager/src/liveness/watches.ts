import type { Leases } from '../model/index.ts';
import {
  answers,
  type Crowd,
  crowdOf,
  helperPatienceMs,
  isUnheard,
  judge,
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

/** What is known of all nodes, and what follows from it. No clock of its own, no I/O. */
export class Watches {
  readonly #entries = new Map<string, Entry>();
  #lastLook: number;
  #stalledMs = 0;
  #crowd: Crowd = { known: 0, unheard: 0, unanswered: 0 };

  constructor(now: number) {
    this.#lastLook = now;
  }

  /** A message of this node arrived. */
  heard(id: string, now: number): void {
    this.#entries.set(id, {
      heardAt: now,
      broken: false,
      answered: false,
      silentRounds: 0,
      refused: false,
      rounds: [],
      probing: undefined,
      givenUp: false,
      leases: undefined,
      inherited: false,
      state: this.#entries.get(id)?.state ?? 'heard',
    });
  }

  /** A previous run of the manager judged it down; nobody knows when it was last heard. */
  inherit(id: string, leases: Leases | undefined, now: number): void {
    this.heard(id, now);
    this.#change(id, { state: 'down', givenUp: true, inherited: true, leases });
  }

  /** The node's stream ended: a hint, no more. */
  left(id: string): void {
    this.#change(id, { broken: true });
  }

  forget(id: string): void {
    this.#entries.delete(id);
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
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
    return entry !== undefined && !isUnheard(entry, now);
  }

  /** Judges all nodes. Returns those whose judgement changed, with the previous one. */
  look(now: number): Map<string, State> {
    this.#forgiveStall(now);
    this.#crowd = crowdOf(
      [...this.#entries.values()].filter(({ givenUp }) => !givenUp),
      now,
    );
    const changed = new Map<string, State>();
    for (const [id, entry] of this.#entries) {
      const state = entry.givenUp ? 'down' : judge(entry, this.#crowd, now);
      const leases = state === 'down' ? nextLeases(entry, now) : undefined;
      if (state === entry.state && leases === entry.leases) continue;
      this.#entries.set(id, { ...entry, state, givenUp: state === 'down', leases });
      if (state !== entry.state) changed.set(id, entry.state);
    }
    return changed;
  }

  /**
   * Nodes to probe in a round that begins now, so that at most `most` are being probed at a time. `probed` must be called
   * with each one's outcome, whatever it is.
   */
  due(now: number, most: number): string[] {
    const entries = [...this.#entries];
    const busy = entries.filter(([, { probing }]) => probing !== undefined).length;
    const due = entries
      .filter(([, entry]) => isDue(entry, now))
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
    const says = readRound(round.probes, round.to - entry.heardAt < helperPatienceMs);
    this.#change(id, {
      probing: undefined,
      rounds: [...entry.rounds, round].slice(-keptRounds),
      ...(says === 'answered' && { answered: true, silentRounds: 0 }),
      ...(says === 'silent' && { silentRounds: entry.silentRounds + 1 }),
      refused: entry.refused || round.probes.some(({ answer }) => answer === 'refused'),
    });
  }

  /** The manager doubts itself first: time in which it did not get to look is not held against its nodes. */
  #forgiveStall(now: number): void {
    this.#stalledMs = Math.max(0, now - this.#lastLook - lookMs);
    this.#lastLook = now;
    if (this.#stalledMs === 0) return;
    for (const [id, { heardAt }] of this.#entries)
      this.#change(id, { heardAt: Math.min(now, heardAt + this.#stalledMs) });
  }

  #change(id: string, change: Partial<Entry>): void {
    const entry = this.#entries.get(id);
    if (entry) this.#entries.set(id, { ...entry, ...change });
  }
}

const nextLeases = (entry: Entry, now: number): Leases =>
  entry.leases === 'over' ? 'over' : leasesOf(entry, now);

function isDue(entry: Entry, now: number): boolean {
  const { state, probing, rounds, leases, heardAt } = entry;
  if (probing !== undefined || state === 'heard' || leases === 'over') return false;
  const last = rounds.at(-1);
  const isAway = answers(entry) && now - heardAt >= suspectMs;
  const ms = state === 'down' ? leaseRoundMs : isAway ? awayRoundMs : roundMs;
  return !last || now - last.from >= ms;
}
