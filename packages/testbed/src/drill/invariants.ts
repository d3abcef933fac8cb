import type { Drill } from './drills.ts';
import type { Answer, DrillRecord } from './record.ts';
import { allServeOn, lastView, serving } from './view.ts';

export interface Invariant {
  readonly name: string;
  /** Undefined if it could not be checked. */
  readonly holds: boolean | undefined;
  readonly says: string;
}

/** Two answers of one replica further apart say nothing about the time between them. */
const SPAN_GAP_MS = 1_000;

/**
 * The most replicas that were reachable at one moment. A replica counts as reachable between two of its answers, if they are
 * close together. So the number is never too high; replicas that nobody asked are not in it.
 */
export function mostReachable(answers: readonly Answer[]): number {
  const spans = [...Map.groupBy(answers, ({ by }) => by).values()].flatMap(spansOf);
  // At the same moment, ends come first: a replica that ends as another begins was never there beside it.
  const turns = spans
    .flatMap(({ from, to }) => [
      { atMs: from, by: 1 },
      { atMs: to, by: -1 },
    ])
    .toSorted((a, b) => a.atMs - b.atMs || a.by - b.by);
  let now = 0;
  let most = 0;
  for (const { by } of turns) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

function spansOf(answers: readonly Answer[]): { from: number; to: number }[] {
  const spans: { from: number; to: number }[] = [];
  for (const { atMs } of answers.toSorted((a, b) => a.atMs - b.atMs)) {
    const last = spans.at(-1);
    if (last && atMs - last.to <= SPAN_GAP_MS) last.to = atMs;
    else spans.push({ from: atMs, to: atMs });
  }
  // An answer alone is a moment, not a span.
  return spans.filter(({ from, to }) => from < to);
}

/** What must hold in every drill. */
export function invariants(
  record: DrillRecord,
  { surge, victim }: Pick<Drill, 'surge' | 'victim'>,
): Invariant[] {
  const always = [reachable(record, surge), noneLost(record), noneOrphaned(record)];
  return victim === 'all' ? always : [...always, noOtherGivenUp(record)];
}

function reachable({ answers, desired }: DrillRecord, surge: number): Invariant {
  const most = mostReachable(answers);
  const limit = desired + surge;
  return {
    name: `never more than ${limit} reachable`,
    holds: most <= limit,
    says: `at most ${most} at once${surge > 0 ? ` (${desired}, and ${surge} more where a new one starts first)` : ''}`,
  };
}

/** A second task in a slot, with which a move begins, is not counted as lost. */
function noneLost({ events, desired, hosts, containers }: DrillRecord): Invariant {
  const view = lastView(events);
  const tasks = serving(view);
  const dead = containers ? tasks.filter(({ id }) => !containers.some(({ task }) => task === id)) : [];
  const slots = new Set(tasks.map(({ slot }) => slot)).size;
  return {
    name: 'none lost',
    holds: allServeOn(view, desired, hosts) && dead.length === 0,
    says: `${slots} of ${desired} served at the end${dead.length === 0 ? '' : `, but ${dead.length} without a container`}`,
  };
}

function noneOrphaned({ events, containers }: DrillRecord): Invariant {
  const name = 'none orphaned';
  if (!containers)
    return { name, holds: undefined, says: 'not looked at: only the testbed lets a drill ask the hosts' };
  const tasks = new Set(serving(lastView(events)).map(({ id }) => id));
  const orphans = containers.filter(({ task }) => !tasks.has(task));
  return {
    name,
    holds: orphans.length === 0,
    says:
      orphans.length === 0
        ? `${containers.length} containers, each of a task that serves`
        : `containers of no task that serves: ${orphans.map(({ host, task }) => `${task} on ${host}`).join(', ')}`,
  };
}

function noOtherGivenUp(record: DrillRecord): Invariant {
  const down = otherHostsDown(record);
  return {
    name: 'no other host given up',
    holds: down.length === 0,
    says: down.length === 0 ? 'no other was down' : `down: ${down.join(', ')}`,
  };
}

/** Hosts that nobody struck, and that were seen `down` all the same. */
export function otherHostsDown({ events, victim }: DrillRecord): string[] {
  const down = events.flatMap((event) =>
    event.type === 'node' && event.state === 'down' && event.host !== victim ? [event.host] : [],
  );
  return [...new Set(down)];
}
