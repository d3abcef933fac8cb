import { type measurement, quantile } from '../measure/index.ts';

/** The drills that cost a host. */
export const KINDS = ['host-power-loss', 'host-cut', 'daemon-kill'] as const;
export type Kind = (typeof KINDS)[number];

/** One round. Seconds; all but `raw` are counted from the fault. */
export interface Round {
  readonly kind: Kind;
  /** The node is seen `down`. */
  readonly detected: number;
  /** Start of the first window without an error. */
  readonly traffic: number;
  /** All replicas run on the other hosts. */
  readonly running: number;
  /**
   * How long as many containers as were lost take on the same hosts, started without Shoal: on a network of their own, as
   * those of a published service are, and on the daemon's default bridge, where each costs it less.
   */
  readonly raw: number;
  readonly rawOnDefaultBridge: number;
  /** Other hosts that were seen `down`. */
  readonly falselyDown: readonly string[];
}

/** The goals of a kind of fault, in seconds. */
const goals = { detected: 1.5, traffic: 2, daemonRunning: 2 };
/** How much longer replacing may take than starting as many containers raw. */
const againstRaw = 1.2;

/** What the rounds say, as lines for `report`. */
export function lines(all: readonly Round[]): Parameters<typeof measurement>[] {
  return KINDS.flatMap((kind) => {
    const rounds = all.filter((round) => round.kind === kind);
    if (rounds.length === 0) return [];
    const at = (share: number, pick: (round: Round) => number) => quantile(rounds.map(pick), share);
    return [
      ...([0.5, 0.95] as const).flatMap((share): Parameters<typeof measurement>[] => {
        const name = (what: string) => `${kind}: ${what}, p${share * 100}`;
        const bound = (goal: number) => (share === 0.95 ? { goal } : {});
        const detected = at(share, (round) => round.detected);
        const traffic = at(share, (round) => round.traffic);
        const running = at(share, (round) => round.running);
        const raw = at(share, (round) => round.raw);
        return [
          ['failover', name('detected'), detected, 's', bound(goals.detected)],
          ['failover', name('traffic recovered'), traffic, 's', bound(goals.traffic)],
          kind === 'daemon-kill'
            ? [
                'failover',
                name('all running, against 2 s + raw start'),
                running,
                's',
                { reference: goals.daemonRunning + raw, goal: 1, goalOf: 'ratio' },
              ]
            : ['failover', name('all running'), running, 's'],
          [
            'failover',
            name('replaced after detection, against raw start'),
            at(share, (round) => round.running - round.detected),
            's',
            {
              reference: raw,
              // Its goal is 2 s more, see above.
              ...(kind !== 'daemon-kill' && { goal: againstRaw, goalOf: 'ratio' as const }),
            },
          ],
          [
            'failover',
            name('replaced after detection, against raw start on the default bridge'),
            at(share, (round) => round.running - round.detected),
            's',
            { reference: at(share, (round) => round.rawOnDefaultBridge) },
          ],
        ];
      }),
      [
        'failover',
        `${kind}: false verdicts in ${rounds.length} rounds`,
        rounds.reduce((sum, { falselyDown }) => sum + falselyDown.length, 0),
        'hosts',
        { goal: 0 },
      ],
    ];
  });
}

/** A peer's figures, which have no goal. */
export function swarmLines(
  all: readonly Pick<Round, 'kind' | 'detected' | 'running'>[],
): Parameters<typeof measurement>[] {
  return KINDS.flatMap((kind) => {
    const rounds = all.filter((round) => round.kind === kind);
    if (rounds.length === 0) return [];
    return (['detected', 'running'] as const).map((what): Parameters<typeof measurement> => {
      const name = `Docker Swarm, ${kind}: ${what === 'running' ? 'all running' : what}, p50`;
      return [
        'failover',
        name,
        quantile(
          rounds.map((round) => round[what]),
          0.5,
        ),
        's',
      ];
    });
  });
}
