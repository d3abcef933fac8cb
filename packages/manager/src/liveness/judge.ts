import type { HostAnswer } from '@shoal/proto';
import type { Timing } from '@shoal/proto/rules';
import type { Leases } from '../model/index.ts';

/*
 * All times are milliseconds of one clock that never jumps; the rules and what follows from them are in
 * docs/failover.md.
 */

/** How often the manager looks at its nodes. */
export const lookMs = 50;
/**
 * From one look to the next at most, or the manager stalls. With much to do it looks later than it should, and still hears all
 * agents in between; a beat that waits so long is not missed yet.
 */
export const longestGapMs = 250;
/** A host is down after this many rounds of probes in a row without an answer. */
export const roundsToLose = 2;
/** More, if a probe was answered while the agent was silent: the more rounds there are, the likelier two fail by chance. */
export const roundsToLoseAnswering = 4;

/** What one prober found. */
export interface Probe {
  /** The manager itself, or the id of the node that helped. */
  readonly by: string;
  readonly answer: HostAnswer;
}
export const byManager = 'manager';

/** Several probers tried to reach one host at the same time. */
export interface Round {
  readonly from: number;
  readonly to: number;
  readonly probes: readonly Probe[];
}

/** What is known of one node. */
export interface Watch {
  readonly heardAt: number;
  /** What it is judged by. */
  readonly timing: Timing;
  /** When the last lease that its agent may have is over for certain, and its isolated tasks dead. */
  readonly leaseOverAt: number;
  /** Its stream ended since. */
  readonly broken: boolean;
  /** Its host answered a probe since. */
  readonly answered: boolean;
  /** Rounds of probes in a row without any answer, since it was last heard or answered. */
  readonly silentRounds: number;
  /** The latest of these, since the manager last doubted itself: until then its probes may have said more of itself. */
  readonly soundRounds: number;
  /** Its host refused a probe since: its agent is dead, and stops nothing. */
  readonly refused: boolean;
}

/**
 * `heard`: all is well. `suspect`: not heard, and not known why. `away`: its host answers, its agent does not.
 * `silent`: its host does not answer either. `down`: given up.
 */
export const livenessStates = ['heard', 'suspect', 'away', 'silent', 'down'] as const;
export type State = (typeof livenessStates)[number];

/** Nodes that are not down, and how many of them are in doubt. */
export interface Crowd {
  readonly known: number;
  /** Not heard in time. */
  readonly unheard: number;
  /** Of these, those whose hosts do not answer probes, or were not probed yet. */
  readonly unanswered: number;
}

/** Whether the isolated tasks of a node that is down have ended: proven, not proven yet, or not to be proven. */
export function leasesOf(watch: Watch, now: number): Leases {
  if (watch.refused || answers(watch)) return 'unsure';
  const proved = watch.silentRounds >= roundsToLose && now >= watch.leaseOverAt;
  return proved ? 'over' : 'running';
}

/** Its host answered the latest probes. */
export const answers = ({ answered, silentRounds }: Watch): boolean => answered && silentRounds === 0;

/** Silence, unless the agent's stream has just told so. */
export const isUnheard = ({ heardAt, broken, timing }: Watch, now: number): boolean =>
  broken || now - heardAt >= timing.lateMs;

/** `known` nodes, of which all that may be in doubt are `doubted`. */
export function crowdOf(doubted: Iterable<Watch>, known: number, now: number): Crowd {
  const crowd = { known, unheard: 0, unanswered: 0 };
  for (const watch of doubted) {
    if (!isUnheard(watch, now)) continue;
    crowd.unheard++;
    if (!answers(watch)) crowd.unanswered++;
  }
  return crowd;
}

/**
 * The safety valve: when more than half of the nodes fall silent together, the manager's own host, network or
 * process is the likelier cause. Then it waits longer before it gives any of them up, but not for ever. When they come back, the
 * others are likely to follow: what was found of them until then says nothing.
 */
export const doubtsHosts = ({ known, unanswered }: Crowd): boolean => unanswered * 2 > known;
export const doubtsAgents = ({ known, unheard }: Crowd): boolean => unheard * 2 > known;

/** `calmMs`: for how long the manager has not doubted agents; Infinity if it never has. */
export function judge(watch: Watch, crowd: Crowd, calmMs: number, now: number): State {
  const silence = now - watch.heardAt;
  const { suspectMs, agentMs, doubtMs } = watch.timing;
  if (!watch.broken && silence < suspectMs) return 'heard';
  if (doubtsAgents(crowd) ? silence >= agentMs + doubtMs : silence >= agentMs && calmMs >= doubtMs)
    return 'down';
  if (watch.silentRounds === 0) return watch.answered ? 'away' : 'suspect';
  const needed = watch.answered ? roundsToLoseAnswering : roundsToLose;
  const isGone = doubtsHosts(crowd)
    ? silence >= suspectMs + doubtMs && watch.silentRounds >= needed
    : silence >= suspectMs && watch.soundRounds >= needed;
  return isGone ? 'down' : 'silent';
}

/**
 * What a round of probes says. One answer proves that the host lives. That it does not live takes all probers, the manager
 * among them. `patient`: helpers that have not answered yet still may.
 */
export function readRound(probes: readonly Probe[], patient: boolean): 'answered' | 'silent' | 'unclear' {
  if (probes.some(({ answer }) => answer === 'accepted' || answer === 'refused')) return 'answered';
  const own = probes.find(({ by }) => by === byManager);
  if (own?.answer !== 'silent') return 'unclear';
  return patient && probes.some(({ answer }) => answer === 'unknown') ? 'unclear' : 'silent';
}
