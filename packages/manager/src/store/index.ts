export type { Change, ChangeBatch } from './change.ts';
export { NotLeadingError, NotWrittenError, OutOfSequenceError, StoreError } from './errors.ts';
export { OwnerError, type Writer } from './owners.ts';
export { type Backend, type Derive, type Ended, type Outcome, Store } from './store.ts';
export { type Objects, type ReadView, slotIndexKey, type TableName, vipIndexKey } from './tables.ts';
export { beginTransaction, type NewObject, type Tx } from './transaction.ts';
