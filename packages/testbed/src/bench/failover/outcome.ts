import { type LoadSlot, SLOT_MS } from '../../load.ts';
import { quantile } from '../network/stats.ts';
import type { measurement } from '../report.ts';

export const KINDS = ['power', 'cut', 'daemon'] as const;
export type Kind = (typeof KINDS)[number];

/** One round. Seconds; all but `raw` are counted from the fault. */
export interface Outcome {
  readonly kind: Kind;
  /** The node is seen `down`. */
  readonly detected: number;
  /** Start of the first window without an error. */
  readonly traffic: number;
  /** All replicas run on the other hosts. */
  readonly running: number;
  /** How long as many containers as were lost take on the same hosts, started without Shoal. */
  readonly raw: number;
  /** Other hosts that were seen `down`. */
  readonly falselyDown: readonly string[];
}

/** Traffic has recovered once no request fails that was sent within this time. */
export const WINDOW_MS = 1_000;

/**
 * When the first window without an error begins, at `fromMs` or later, on the clock of the slots; undefined if there is
 * none. To a tenth of a second, rounded up. A tenth without any request says nothing, so no window spans one.
 */
export function recoveredAt(slots: readonly LoadSlot[], fromMs: number): number | undefined {
  let begin = fromMs;
  let next = fromMs;
  for (const { atMs, failed } of slots) {
    const end = atMs + SLOT_MS;
    if (end <= fromMs) continue;
    if (atMs > next) begin = atMs;
    if (failed > 0) begin = end;
    next = end;
    if (end - begin >= WINDOW_MS) return begin;
  }
  return undefined;
}

/** What a kind of fault is held to, in seconds. */
const goals = { detected: 1.5, traffic: 2, daemonRunning: 2 };
/** How much longer replacing may take than starting as many containers raw. */
const againstRaw = 1.2;

/** What the rounds say, as lines for `report`. */
export function lines(outcomes: readonly Outcome[]): Parameters<typeof measurement>[] {
  return KINDS.flatMap((kind) => {
    const rounds = outcomes.filter((outcome) => outcome.kind === kind);
    if (rounds.length === 0) return [];
    const at = (share: number, pick: (outcome: Outcome) => number) => quantile(rounds.map(pick), share);
    return [
      ...([0.5, 0.95] as const).flatMap((share): Parameters<typeof measurement>[] => {
        const name = (what: string) => `${kind}: ${what}, p${share * 100}`;
        const bound = (goal: number) => (share === 0.95 ? { goal } : {});
        const detected = at(share, (outcome) => outcome.detected);
        const traffic = at(share, (outcome) => outcome.traffic);
        const running = at(share, (outcome) => outcome.running);
        const raw = at(share, (outcome) => outcome.raw);
        return [
          ['failover', name('detected'), detected, 's', bound(goals.detected)],
          ['failover', name('traffic recovered'), traffic, 's', bound(goals.traffic)],
          kind === 'daemon'
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
            at(share, (outcome) => outcome.running - outcome.detected),
            's',
            { reference: raw, goal: againstRaw, goalOf: 'ratio' },
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
