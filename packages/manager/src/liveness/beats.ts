import { beatMsFor, timingOf } from '@shoal/proto/rules';

/** Longer than any host keeps: that is what a manager goes by that knows no more of them. */
export interface Beats {
  /** What agents are to be told now. */
  readonly tell: number;
  /** What has to be durable, since a manager that starts then goes by it. */
  readonly write: number;
}

/**
 * How often agents have to beat where there are so many nodes. `written`: what is durable. Longer beats are told once they are
 * durable; shorter ones are written once no lease is left that a manager which starts then would not wait for.
 */
export function fitBeats(nodes: number, written: number, leasesEndWithin: (ms: number) => boolean): Beats {
  const fit = beatMsFor(nodes, written);
  const isSafe = fit >= written || leasesEndWithin(timingOf(fit).replaceMs);
  return { tell: Math.min(fit, written), write: isSafe ? fit : written };
}
