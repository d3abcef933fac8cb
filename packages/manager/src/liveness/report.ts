import {
  byManager,
  type Crowd,
  doubtsAgents,
  doubtsHosts,
  type Probe,
  type Round,
  type State,
} from './judge.ts';

/** How a node was judged at some time, and why. */
export interface Verdict {
  readonly at: string;
  readonly state: State;
  /** The reason, in words for people. */
  readonly says: string;
  /** When the node was last heard; missing if that was before the manager was started. */
  readonly heardAt?: string;
  readonly evidence: readonly RoundReport[];
}

export interface RoundReport {
  readonly at: string;
  readonly tookMs: number;
  readonly probes: readonly {
    readonly by: string;
    readonly hostname?: string;
    readonly answer: Probe['answer'];
  }[];
}

export interface ValveReport {
  readonly open: boolean;
  readonly rule: string;
  readonly known: number;
  readonly unheard: number;
  readonly unanswered: number;
}

export interface LivenessReport extends Verdict {
  readonly node: string;
  readonly hostname: string;
  /** Earlier verdicts, newest first; forgotten when the manager starts again. */
  readonly verdicts: readonly Verdict[];
  readonly valve: ValveReport;
}

/** `doubtMs`: of the node that it is about. */
export const reportValve = (crowd: Crowd, doubtMs: number): ValveReport => ({
  open: doubtsHosts(crowd) || doubtsAgents(crowd),
  rule:
    'while more than half of the nodes that are not down are unheard (and their hosts unanswered, where a host is to be ' +
    `given up), the manager doubts itself and waits ${doubtMs / 1_000} s longer before any of them counts as down; when they are heard again, the others are looked at anew, and agents get as much time once more`,
  ...crowd,
});

export interface Names {
  /** Of a node, by its id. */
  hostname(nodeId: string): string;
  /** Wall-clock time of a moment of the manager's own clock, RFC 3339. */
  time(at: number): string;
}

export const reportRound = ({ from, to, probes }: Round, { hostname, time }: Names): RoundReport => ({
  at: time(from),
  tookMs: Math.round(to - from),
  probes: probes.map(({ by, answer }) => ({
    by,
    ...(by !== byManager && { hostname: hostname(by) }),
    answer,
  })),
});

/** Why a node is judged as it is, in one short sentence. */
export function say(state: State, silenceMs: number, rounds: readonly Round[], { hostname }: Names): string {
  const seconds = `${Math.round(silenceMs / 100) / 10} s`;
  const probes = rounds.at(-1)?.probes ?? [];
  const who = (answered: boolean) =>
    probes
      .filter(
        ({ answer }) => (answer === 'accepted' || answer === 'refused') === answered && answer !== 'unknown',
      )
      .map(({ by }) => (by === byManager ? 'the manager' : hostname(by)))
      .join(', ');
  const lives = who(true);
  if (state === 'heard') return 'heard in time';
  if (lives) return `no word from the agent for ${seconds}, but its host answers ${lives}`;
  const silent = who(false);
  if (silent) return `no word from the agent for ${seconds}, and its host does not answer ${silent}`;
  return `no word from the agent for ${seconds}`;
}
