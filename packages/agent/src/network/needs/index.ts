export {
  coveredBy,
  leftOut,
  type Needs,
  neededPort,
  resolverPortsOf,
  withoutNeeded,
  withResolver,
} from './needs.ts';
export { NeedsWatch, type NeedsWatchOptions } from './needs-watch.ts';
