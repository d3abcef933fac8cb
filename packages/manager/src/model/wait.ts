/** What a decision is about. Slots by their key, which for global services names the node. */
export interface Subject {
  readonly kind: 'task' | 'slot' | 'service' | 'node' | 'network';
  readonly id: string;
}

/**
 * Why a decision leaves something as it is for now. It is part of what is decided: explanations, messages and the times
 * at which loops look again are all made from it.
 */
export interface Wait {
  readonly about: Subject;
  /** In plain words; completes "waiting for …". */
  readonly why: string;
  /** When to decide anew although nothing changes (ms since the epoch); absent where only a change can end it. */
  readonly until?: number;
}

export const waitOf = (kind: Subject['kind'], id: string, why: string, until?: number): Wait => ({
  about: { kind, id },
  why,
  ...(until !== undefined && { until }),
});

/** When the first of them is over by itself (ms since the epoch); undefined when none is. */
export function wakeAt(waits: Iterable<Wait>): number | undefined {
  let first = Number.POSITIVE_INFINITY;
  for (const { until } of waits) if (until !== undefined && until < first) first = until;
  return Number.isFinite(first) ? first : undefined;
}

/** The same for each thing that something waits about, by its id. */
export function wakeUps(waits: Iterable<Wait>): Map<string, number> {
  const first = new Map<string, number>();
  for (const { about, until } of waits)
    if (until !== undefined) first.set(about.id, Math.min(until, first.get(about.id) ?? until));
  return first;
}
