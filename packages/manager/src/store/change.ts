import type { Objects, TableName } from './tables.ts';

/** One object created (no `before`), updated, or removed (no `after`). */
export type Change = {
  [N in TableName]: { table: N; id: string; before: Objects[N] | undefined; after: Objects[N] | undefined };
}[TableName];

/** All changes of one transaction. */
export interface ChangeBatch {
  readonly revision: number;
  readonly changes: readonly Change[];
}
