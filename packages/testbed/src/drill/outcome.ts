import { type LoadSlot, SLOT_MS } from '../load/index.ts';
import { conditions, waitsForTasks } from './conditions.ts';
import type { Drill } from './drills.ts';
import { type Invariant, invariants } from './invariants.ts';
import { type DrillRecord, type Failure, markAt } from './record.ts';
import { firstAt, lastView, sinceWhen, spreadOf } from './view.ts';

/** A figure of a drill; `value` is undefined if it never happened. */
export interface Figure {
  readonly name: FigureName;
  readonly value: number | undefined;
  readonly unit: 's' | 'requests' | 'tasks';
  /** At most. */
  readonly goal?: number;
  readonly pass?: boolean;
}

export type FigureName = (typeof figureNames)[number];
/** Seconds are counted from the strike, those of `returned` and `balanced` from the healing. */
export const figureNames = [
  'detected',
  'traffic recovered',
  'replaced',
  'returned',
  'balanced',
  'requests sent',
  'requests lost',
  'tasks started',
] as const;

export interface DrillOutcome {
  readonly drill: string;
  readonly victim: string;
  readonly passed: boolean;
  readonly figures: readonly Figure[];
  readonly invariants: readonly Invariant[];
  /** Tasks that serve on each host at the end. */
  readonly spread: Readonly<Record<string, number>>;
  /** Why requests failed, the first fifty of them. */
  readonly failures: readonly Failure[];
  readonly moments: Moments;
}

/** Traffic has recovered once no request fails that was sent within this time. */
export const WINDOW_MS = 1_000;

/**
 * When the first window without an error begins, at `fromMs` or later, on the clock of the slots; undefined if there is
 * none. Rounded up to a tenth of a second. No window spans a tenth without any request, since that proves nothing.
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

/** What a drill amounts to: its figures against its goals, and whether all held that must hold. */
export function outcomeOf(record: DrillRecord, drill: Drill): DrillOutcome {
  const moments = momentsOf(record, drill);
  const values = measured(record, drill, moments);
  const figures = figureNames.flatMap((name): Figure[] => {
    if (!(name in values)) return [];
    const value = values[name];
    const goal = drill.goals[name as keyof typeof drill.goals];
    const unit = name.startsWith('requests') ? 'requests' : name.startsWith('tasks') ? 'tasks' : 's';
    const figure = { name, value, unit } as const;
    return [goal === undefined ? figure : { ...figure, goal, pass: value !== undefined && value <= goal }];
  });
  const held = invariants(record, drill);
  return {
    drill: record.drill,
    victim: record.victim,
    passed: figures.every(({ pass }) => pass !== false) && held.every(({ holds }) => holds !== false),
    figures,
    invariants: held,
    spread: spreadOf(lastView(record.events), record.hosts),
    failures: record.failures,
    moments,
  };
}

/** Only the figures that the drill can have; undefined where one did not come in time. */
function measured(
  record: DrillRecord,
  drill: Drill,
  { struck, detected, recovered, replaced, healed, returned, balanced }: Moments,
): Partial<Record<FigureName, number | undefined>> {
  const { slots } = record;
  return {
    ...(drill.detectedBy === 'nobody' ? {} : { detected: seconds(struck, detected) }),
    'traffic recovered': seconds(struck, recovered),
    ...(waitsForTasks(drill) ? { replaced: seconds(struck, replaced) } : {}),
    ...(drill.detectedBy === 'nobody' ? {} : { returned: seconds(healed ?? struck, returned) }),
    ...(drill.goals.balanced === undefined ? {} : { balanced: seconds(healed, balanced) }),
    'requests sent': slots.reduce((sum, { ok, failed }) => sum + ok + failed, 0),
    'requests lost': slots.reduce((sum, { failed }) => sum + failed, 0),
    'tasks started': startedSince(record, struck),
  };
}

const seconds = (from: number | undefined, at: number | undefined): number | undefined =>
  from === undefined || at === undefined ? undefined : (at - from) / 1_000;

/** When what happened, in milliseconds since 1970. */
export interface Moments {
  readonly struck: number;
  readonly detected: number | undefined;
  readonly recovered: number | undefined;
  readonly replaced: number | undefined;
  readonly healed: number | undefined;
  readonly returned: number | undefined;
  readonly balanced: number | undefined;
}

export function momentsOf(record: DrillRecord, drill: Drill): Moments {
  const { events, slots, endMs } = record;
  // If the drill was broken off before, nothing happened after it.
  const struck = markAt(record, 'struck') ?? endMs;
  const healed = markAt(record, 'healed');
  const { inTrouble, replaced, balanced } = conditions(drill, record);
  const detected = firstAt(events, struck, inTrouble);
  return {
    struck,
    detected,
    recovered: recoveredAt(slots, struck),
    replaced: waitsForTasks(drill) ? firstAt(events, struck, replaced) : undefined,
    healed,
    returned:
      detected === undefined ? undefined : sinceWhen(events, healed ?? struck, (view) => !inTrouble(view)),
    balanced: healed === undefined ? undefined : sinceWhen(events, healed, balanced),
  };
}

/** Tasks that began to run after this moment. */
function startedSince({ events }: DrillRecord, fromMs: number): number {
  const ran = new Set<string>();
  const started = new Set<string>();
  for (const event of events) {
    if (event.type !== 'task' || event.task.state !== 'running' || ran.has(event.task.id)) continue;
    ran.add(event.task.id);
    if (event.atMs > fromMs) started.add(event.task.id);
  }
  return started.size;
}
