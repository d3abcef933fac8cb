export { findNode, findService, findTask, isVisible, only, taskName, visibleServices } from './find.ts';
export { openIn } from './open.ts';
export {
  publishedPorts,
  refusePortsInUse,
  unservedHere,
  unservedOn,
  unservedPorts,
  unservedThere,
} from './ports-in-use.ts';
export { specsInUse } from './specs-in-use.ts';
export { nodeView, serviceStatus, serviceView, statusMessage, taskView, tlsInfo } from './views.ts';
