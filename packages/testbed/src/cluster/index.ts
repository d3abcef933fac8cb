export { Cluster, type ClusterOptions, mainCluster, testCluster } from './cluster.ts';
export { startControlHost } from './control-host.ts';
export { Host, type HostProcess, type ProcessUsage } from './host.ts';
export { privileges, removePlainHost, startPlainHost } from './plain-host.ts';
