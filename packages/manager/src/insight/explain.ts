import { contentVersion, type PayloadKind, payloadFiles, type Task } from '../model/index.ts';
import { explainTask, type TaskExplanation } from '../scheduler/index.ts';
import { waitsOf } from '../services/index.ts';
import type { ReadView } from '../store/index.ts';

interface Explanation extends TaskExplanation {
  /** What it waits for, in words, where it does not yet do what is asked of it. */
  readonly waitsFor: string | null;
  /** Its secrets and configs, by what they held when it was made, and what they hold now. */
  readonly files: readonly TaskFile[];
}

interface TaskFile {
  readonly kind: PayloadKind;
  readonly name: string;
  readonly target: string;
  readonly contentVersion: number;
  /** Absent where it was removed since. */
  readonly newest?: number;
}

/** Why a task is where it is, or nowhere, or not started yet. `now` in ms since the epoch. */
export function explain(view: ReadView, task: Task, now: number): Explanation {
  const service = view.services.get(task.ServiceID);
  const waits = service ? waitsOf(view, [service], now) : [];
  const wait = waits.find(({ about }) => about.kind === 'task' && about.id === task.ID);
  return { ...explainTask(view, task, now), waitsFor: wait?.why ?? null, files: filesOf(view, task) };
}

const filesOf = (view: ReadView, { Spec }: Task): TaskFile[] =>
  payloadFiles(Spec.ContainerSpec).map(({ kind, id, name, target, version }) => {
    const payload = view[`${kind}s`].get(id);
    return {
      kind,
      name,
      target,
      contentVersion: version,
      ...(payload && { newest: contentVersion(payload) }),
    };
  });
