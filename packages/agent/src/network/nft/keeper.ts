import { CommandError, run } from '../kernel/index.ts';
import {
  type Change,
  describe,
  diffPlans,
  diffTable,
  idsOf,
  type PresentTable,
  renderChanges,
} from './diff.ts';
import { OwnNews } from './own-news.ts';
import { readTable } from './read.ts';
import { merge, type TablePlan, tableName } from './table.ts';

/** How often to try again when the table is not what we took it for. */
const attempts = 3;

interface Known {
  readonly plan: TablePlan;
  readonly chains: Map<string, readonly string[]>;
}

/** Keeps our table in the kernel. It remembers what it applied, so that a change costs what changed. */
export class TableKeeper {
  /** What we left in the kernel; undefined: nothing yet. */
  #known: Known | undefined;
  readonly #news = new OwnNews();

  /**
   * Makes the table agree, in one transaction; `verify` looks at the kernel first. Gives what others had changed
   * since we left it.
   */
  async ensure(desired: TablePlan, { verify }: { verify: boolean }): Promise<string[]> {
    let failure: unknown;
    let look = verify;
    for (let attempt = 0; attempt < attempts; attempt++) {
      try {
        if (look || !this.#known) return await this.#compare(desired);
        await this.#change(this.#known, desired);
        return [];
      } catch (error) {
        // Someone else changed the table since we looked: nothing of the transaction was done.
        failure = error;
        look = true;
      }
    }
    throw failure;
  }

  async #change({ plan, chains }: Known, desired: TablePlan): Promise<void> {
    const changes = diffPlans(plan, desired, chains);
    await this.#run(changes);
    for (const change of changes) {
      if (change.kind === 'delete-chain') chains.delete(change.chain);
      if (change.kind === 'add-chain') chains.set(change.chain, []);
      if (change.kind === 'fill-chain')
        chains.set(
          change.chain,
          change.rules.map(({ id }) => id),
        );
    }
    this.#known = { plan: desired, chains };
  }

  async #compare(desired: TablePlan): Promise<string[]> {
    const present = await readPresent();
    const left = this.#known ? diffTable(present, tableOf(this.#known.plan)) : [];
    const table = tableOf(desired);
    await this.#run(diffTable(present, table));
    this.#known = { plan: desired, chains: idsOf(table) };
    // Shared chains that no service needs any more are our own leftovers: removing them is no repair.
    return left.filter(({ kind }) => kind !== 'delete-chain').map(describe);
  }

  /** nft told of one transaction on the table: was it ours? */
  isOwn(): boolean {
    return this.#news.isOwn(performance.now());
  }

  async #run(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    this.#news.expect(performance.now());
    try {
      await run('nft', ['-f', '-'], { input: renderChanges(changes) });
    } catch (error) {
      this.#news.failed();
      throw error;
    }
  }
}

const tableOf = ({ base, services }: TablePlan) => merge([base, ...services.values()]);

/** Our table as it is; undefined: there is none. */
export async function readPresent(): Promise<PresentTable | undefined> {
  try {
    return readTable(await run('nft', ['-j', 'list', 'table', 'ip', tableName]));
  } catch (error) {
    if (error instanceof CommandError && /No such file or directory/.test(error.stderr)) return undefined;
    throw error;
  }
}
