/** Builders for this folder's tests. */
import type { Task } from '../model/index.ts';
import { aTask as anyTask, type TaskChange } from '../testing.ts';
import { tieBreak } from './tie-break.ts';

/** A task in a slot of its own: of two in one slot, one is about to leave. */
export const aTask = (id: string, change: TaskChange = {}): Task =>
  anyTask(id, { Slot: tieBreak(id, 0), ...change });
