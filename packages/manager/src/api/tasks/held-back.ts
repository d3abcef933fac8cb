import { isTerminal, stateOf, type Task } from '../../model/index.ts';
import { waitsOf } from '../../services/index.ts';
import type { ReadView } from '../../store/index.ts';

/** What those of these tasks wait for that have a node but must not start there yet, by id. `now` in ms since the epoch. */
export function heldBack(view: ReadView, tasks: readonly Task[], now: number): ReadonlyMap<string, string> {
  const held = new Map(tasks.filter(isHeldBack).map((task) => [task.ID, task]));
  const services = new Set(held.values().map(({ ServiceID }) => ServiceID));
  const waits = waitsOf(
    view,
    [...services].flatMap((id) => view.services.get(id) ?? []),
    now,
  );
  return new Map(
    waits.toReversed().flatMap(({ about, why }) => (held.has(about.id) ? [[about.id, why] as const] : [])),
  );
}

const isHeldBack = (task: Task): boolean =>
  task.DesiredState === 'ready' && !isTerminal(stateOf(task)) && stateOf(task) !== 'pending';
