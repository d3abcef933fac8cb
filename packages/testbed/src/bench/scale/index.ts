export { measureApi } from './api.ts';
export { measureEndpointChange, measureSliceChange } from './changes.ts';
export { Cluster, type Size } from './cluster.ts';
export { connect, fill, measureIdle } from './fill.ts';
export { loseHosts } from './lost-hosts.ts';
export { memoryOf } from './process-use.ts';
