/** Messages of the feed, for tests. */
import { Change, type Changes, encodeObject, type Kind, type ObjectOf } from '@shoal/proto';

export const put = <K extends Kind>(kind: K, id: string, object: ObjectOf<K>): Buffer =>
  Buffer.from(Change.encode({ kind, id, object: encodeObject(kind, object) }).finish());

export const gone = (kind: Kind, id: string): Buffer => Buffer.from(Change.encode({ kind, id }).finish());

export const changes = (from: Partial<Omit<Changes, 'changes'>>, ...all: Buffer[]): Changes => ({
  complete: false,
  appliesTo: 0,
  resultsIn: 0,
  unawaited: false,
  ...from,
  changes: all,
});
