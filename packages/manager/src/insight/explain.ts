import type { Task } from '../model/index.ts';
import { explainTask, type TaskExplanation } from '../scheduler/index.ts';
import { waitsOf } from '../services/index.ts';
import type { ReadView } from '../store/index.ts';

interface Explanation extends TaskExplanation {
  /** What it waits for, in words, where it does not yet do what is asked of it. */
  readonly waitsFor: string | null;
}

/** Why a task is where it is, or nowhere, or not started yet. `now` in ms since the epoch. */
export function explain(view: ReadView, task: Task, now: number): Explanation {
  const service = view.services.get(task.ServiceID);
  const waits = service ? waitsOf(view, [service], now) : [];
  const wait = waits.find(({ about }) => about.kind === 'task' && about.id === task.ID);
  return { ...explainTask(view, task, now), waitsFor: wait?.why ?? null };
}
