export { measureApi } from './api.ts';
export { measureEndpointChange, measureSliceChange } from './changes.ts';
export { Cluster, type Size } from './cluster.ts';
export { connect, fill, measureIdle } from './fill.ts';
export { loseHosts } from './lost-hosts.ts';
export { restartManager } from './manager-restart.ts';
export { memoryOf } from './process-use.ts';
