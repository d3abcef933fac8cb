export type { ApiDeps } from './deps.ts';
export { type Door, doorOf, enterBy } from './doors.ts';
export {
  ApiError,
  badRequest,
  invalid,
  knownError,
  maxBodyBytes,
  notFound,
  outOfSequence,
  rpcError,
} from './errors.ts';
export {
  type Filters,
  matchesExactly,
  matchesLabels,
  matchesPrefix,
  oneOfFilter,
  parseFilters,
} from './filters.ts';
export { lateValidators } from './late-validators.ts';
export { isTrue, parseBool, parseVersion } from './query.ts';
export { acceptJson, describeSchemaErrors, dropQueryCopies, tidy } from './request-body.ts';
export { Streams } from './streams.ts';
export { mayAct, named, type User } from './user.ts';
export {
  checkVersion,
  compareVersions,
  maxApiVersion,
  minApiVersion,
  stripVersion,
  versionOf,
} from './versioning.ts';
