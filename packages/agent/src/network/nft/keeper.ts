import { CommandError, run } from '../kernel.ts';
import { asPresent, diffTable, type PresentTable, renderChanges } from './diff.ts';
import { readTable } from './read.ts';
import { type Table, tableName } from './table.ts';

/** How often to try again when the table is not what we took it for. */
const attempts = 3;

/** Keeps our table in the kernel. It remembers what it applied, so that a change costs what changed. */
export class TableKeeper {
  #present: PresentTable | undefined;
  #known = false;
  #ownUntil = 0;

  /**
   * Makes the table agree, in one transaction; `verify` looks at the kernel first. Says whether anything had to
   * be changed.
   */
  async ensure(desired: Table, { verify }: { verify: boolean }): Promise<boolean> {
    let changed = false;
    let failure: unknown;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (!this.#known || verify || failure !== undefined) await this.#read();
      const changes = diffTable(this.#present, desired);
      if (changes.length === 0) return changed;
      changed = true;
      try {
        await this.#own(() => run('nft', ['-f', '-'], { input: renderChanges(changes) }));
        this.#present = asPresent(desired);
        return true;
      } catch (error) {
        // Someone else changed the table since we looked: nothing of the transaction was done.
        failure = error;
        this.#known = false;
      }
    }
    throw failure;
  }

  /** Were the changes that nft tells of at this moment our own? */
  get isChanging(): boolean {
    return performance.now() < this.#ownUntil;
  }

  async #read(): Promise<void> {
    try {
      this.#present = readTable(await run('nft', ['-j', 'list', 'table', 'ip', tableName]));
    } catch (error) {
      if (!(error instanceof CommandError && /No such file or directory/.test(error.stderr))) throw error;
      this.#present = undefined;
    }
    this.#known = true;
  }

  async #own(change: () => Promise<unknown>): Promise<void> {
    this.#ownUntil = Number.POSITIVE_INFINITY;
    try {
      await change();
    } finally {
      // News of it arrives a moment later.
      this.#ownUntil = performance.now() + 300;
    }
  }
}
