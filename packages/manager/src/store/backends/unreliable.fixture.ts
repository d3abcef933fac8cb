import { setImmediate as turn } from 'node:timers/promises';
import type { ChangeBatch } from '../change.ts';
import type { Backend, Outcome } from '../store.ts';
import type { Stored } from '../table.ts';

/** What a commit does: `lost` answers are of commits that were written, or were not. */
export type Fate = 'done' | 'fenced' | 'refused' | 'lost, written' | 'lost, not written' | 'breaks';

/** What survives, whoever leads: several backends may be opened on it, and only the newest may write. */
export class Disk {
  revision = 0;
  readonly objects = new Map<string, { table: string; object: Stored }>();
  /** Commits that were asked of a backend after it had said that it leads no more. */
  late = 0;
  commits = 0;
  #opened = 0;

  /** `fate` decides about each commit; commits take some turns of the event loop. */
  open(fate: () => Fate): Backend {
    const term = ++this.#opened;
    let ended = false;
    return {
      load: async () => ({ revision: this.revision, objects: [...this.objects.values()] }),
      commit: async (batches) => {
        if (ended) this.late++;
        await turn();
        const outcome = this.#commit(batches, term === this.#opened ? fate() : 'fenced');
        await turn();
        ended = outcome === 'fenced' || outcome === 'unknown' || outcome === 'breaks';
        if (outcome === 'breaks') throw new Error('the backend broke');
        return outcome;
      },
      copyTo: () => Promise.reject(new Error('this disk can not be copied')),
      purge: async () => undefined,
      close: async () => undefined,
    };
  }

  #commit(batches: readonly ChangeBatch[], fate: Fate): Outcome | 'breaks' {
    if (fate === 'fenced') return 'fenced';
    if (fate === 'refused') return { refused: 'the disk is full' };
    if (fate === 'lost, not written') return 'unknown';
    for (const { changes } of batches) {
      for (const { table, id, after } of changes) {
        if (after) this.objects.set(`${table}/${id}`, { table, object: after });
        else this.objects.delete(`${table}/${id}`);
      }
    }
    this.revision = batches.at(-1)?.revision ?? this.revision;
    this.commits++;
    return fate === 'lost, written' ? 'unknown' : fate;
  }
}
