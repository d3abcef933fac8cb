/** What has to hold of the waits of every decision. */
import { expect } from 'vitest';
import { slotKey, type Task, type Wait, wakeAt } from '../model/index.ts';
import { decideService } from './decide.ts';
import type { Decision, Snapshot } from './draft.ts';
import { isRunning, presenceOf, whyMustLeave } from './presence.ts';

const day = 86_400_000;

/** `snapshot` of a service about which there is nothing to write now. Where it waits it is told how long, and for what. */
export function checkWaits(snapshot: Snapshot): void {
  const at = (now: number) => decideService({ ...snapshot, now });
  const { now } = snapshot;
  const { waits } = at(now);
  for (const { until = now + 1 } of waits) expect(until).toBeGreaterThan(now);
  const next = wakeAt(waits);
  const end = next ?? now + day;
  for (const time of [now + 1, Math.floor((now + end) / 2), end - 1])
    if (time > now && time < end) expect(writes(at(time)), `${time - now} ms later`).toEqual([]);
  if (next !== undefined) {
    const due = at(next);
    expect(writes(due).length > 0 || JSON.stringify(due.waits) !== JSON.stringify(waits)).toBe(true);
  }
  expect(silent(snapshot, waits), 'stuck in silence').toEqual([]);
}

export const writes = ({ waits: _, ...rest }: Decision): unknown[] =>
  Object.values(rest).flat().filter(Boolean);

/** Tasks, and slots without any, that are not as they should be, and of which nothing is said. */
function silent({ service, tasks, nodes }: Snapshot, waits: readonly Wait[]): string[] {
  const told = new Set(waits.map(({ about }) => about.id));
  const bySlot = Map.groupBy(
    tasks.filter((task) => presenceOf(task, nodes) === 'live'),
    slotKey,
  );
  const isFine = (task: Task, others: number) =>
    isRunning(task) &&
    !task.observed?.err &&
    others === 0 &&
    task.shoal.specVersion === service.shoal.specVersion &&
    whyMustLeave(task, nodes) === undefined;
  const live = [...bySlot].flatMap(([key, some]) =>
    some
      .filter((task) => !isFine(task, some.length - 1) && !told.has(task.ID) && !told.has(key))
      .map(({ ID }) => `task ${ID}`),
  );
  const leaving = tasks.filter((task) => presenceOf(task, nodes) === 'leaving' && !told.has(task.ID));
  const wanted = service.Spec.Mode?.Replicated?.Replicas ?? 0;
  const slots = new Set([...bySlot.keys(), ...[...told].filter((id) => id.startsWith('slot:'))]);
  return [
    ...live,
    ...leaving.map(({ ID }) => `leaving ${ID}`),
    ...(slots.size < wanted ? [`${wanted - slots.size} slots`] : []),
  ];
}
