/** What tests, benches and drills use. */
export {
  converged,
  deploy,
  exampleApp,
  listTasks,
  type ServiceSpec,
  says,
  type TaskView,
} from './app.ts';
export { Cluster, type ClusterOptions, mainCluster, testCluster } from './cluster.ts';
export { forgetClusterAddress } from './docker.ts';
export * as faults from './faults.ts';
export { Host, type HostProcess, type ProcessUsage } from './host.ts';
export { Load, type LoadOptions, type LoadReport, type LoadSlot } from './load.ts';
export { type HttpAnswer, type HttpOptions, http, httpJson, type UntilOptions, until } from './probe.ts';
export { lastLines, run, tryRun } from './run.ts';
export { say, step, TestbedError } from './say.ts';
