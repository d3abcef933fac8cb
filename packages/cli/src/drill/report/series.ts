import { type DrillEvent, history, serving, wanted } from '@shoal/testbed/drill';

/** A number that holds from this moment until the next step. */
export interface Step {
  readonly atMs: number;
  readonly serving: number;
  /** Including those on their way there. */
  readonly wanted: number;
}

/** How many tasks a host has, at each moment at which that changes. */
export function stepsOf(events: readonly DrillEvent[], host: string): Step[] {
  const steps: Step[] = [];
  for (const { atMs, view } of history(events)) {
    const there = (task: { host?: string }) => task.host === host;
    const step = {
      atMs,
      serving: serving(view).filter(there).length,
      wanted: wanted(view).filter(there).length,
    };
    const last = steps.at(-1);
    if (!last || last.serving !== step.serving || last.wanted !== step.wanted) steps.push(step);
  }
  return steps;
}

export interface Band {
  readonly fromMs: number;
  readonly toMs: number;
  readonly says: string;
}

/** The times at which a host was not `ready`, with its state. */
export function bandsOf(events: readonly DrillEvent[], host: string, endMs: number): Band[] {
  const states = events.flatMap((event) =>
    event.type === 'node' && event.host === host ? [{ atMs: event.atMs, state: event.state }] : [],
  );
  return between(states, endMs).filter(({ says }) => says !== 'ready');
}

/** The times at which the manager did not answer. */
export function absences(events: readonly DrillEvent[], endMs: number): Band[] {
  const states = events.flatMap((event) =>
    event.type === 'manager' ? [{ atMs: event.atMs, state: event.answers ? '' : 'does not answer' }] : [],
  );
  return between(states, endMs).filter(({ says }) => says !== '');
}

const between = (states: readonly { atMs: number; state: string }[], endMs: number): Band[] =>
  states.map(({ atMs, state }, index) => ({
    fromMs: atMs,
    toMs: states[index + 1]?.atMs ?? endMs,
    says: state,
  }));

export interface Bin {
  readonly atMs: number;
  readonly ok: number;
  readonly failed: number;
}

/** Requests by the time when they were sent, in equal parts of `binMs`; parts without requests are there, too. */
export function binsOf(
  slots: readonly { atMs: number; ok: number; failed: number }[],
  { fromMs, toMs, binMs }: { fromMs: number; toMs: number; binMs: number },
): Bin[] {
  const bins = Array.from({ length: Math.ceil((toMs - fromMs) / binMs) }, (_, index) => ({
    atMs: fromMs + index * binMs,
    ok: 0,
    failed: 0,
  }));
  for (const { atMs, ok, failed } of slots) {
    const bin = bins[Math.floor((atMs - fromMs) / binMs)];
    if (!bin) continue;
    bin.ok += ok;
    bin.failed += failed;
  }
  return bins;
}

/** Which row each label goes to, so that none covers another; labels are in the order of their left ends. */
export function rowsOf(labels: readonly { readonly left: number; readonly width: number }[]): number[] {
  const ends: number[] = [];
  return labels.map(({ left, width }) => {
    const free = ends.findIndex((end) => end <= left);
    const row = free < 0 ? ends.length : free;
    ends[row] = left + width;
    return row;
  });
}

const tickSeconds = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];

/** Round seconds between the two, no more than `most` of them (as far as an hour goes). */
export function ticksOf(fromS: number, toS: number, most: number): number[] {
  const step = tickSeconds.find((each) => (toS - fromS) / each <= most) ?? 600;
  const first = Math.ceil(fromS / step);
  return Array.from(
    { length: Math.max(0, Math.floor(toS / step) - first + 1) },
    (_, index) => (first + index) * step,
  );
}
