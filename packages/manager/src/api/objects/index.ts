export { findNode, findService, findTask, isVisible, taskName, visibleServices } from './find.ts';
export {
  publishedPorts,
  refusePortsInUse,
  unservedHere,
  unservedOn,
  unservedPorts,
  unservedThere,
} from './ports-in-use.ts';
export { nodeView, serviceStatus, serviceView, statusMessage, taskView, tlsInfo } from './views.ts';
