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

/** The backend could not take the writes (a full disk, say): nothing was changed, and it may be tried again. */
export class NotWrittenError extends Error {
  override readonly name = 'NotWrittenError';
  constructor(why: string) {
    super(`the state could not be written, nothing was changed: ${why}`);
  }
}

/** This manager does not lead (any more), so it may write nothing. */
export class NotLeadingError extends Error {
  override readonly name = 'NotLeadingError';

  /** `nothingChanged`: false when nobody knows. */
  constructor(how: 'fenced' | 'unknown' | 'closed', nothingChanged: boolean) {
    super(
      `this manager ${how === 'closed' ? 'is stopping' : 'does not lead any more'}: ${
        nothingChanged
          ? 'nothing was changed, try again in a moment'
          : 'whether the change was made is not known, look before you repeat it'
      }`,
    );
  }
}
