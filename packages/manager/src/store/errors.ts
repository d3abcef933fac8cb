/** Somebody else changed the object since it was read. The text is Docker's. */
export class OutOfSequenceError extends Error {
  override readonly name = 'OutOfSequenceError';
  constructor(table: string, id: string) {
    super(`update out of sequence: ${table} ${id} has changed since it was read`);
  }
}

/** The transaction asked for something the store's state does not allow. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}
