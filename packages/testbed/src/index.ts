/** What tests, benches and drills use. */
export {
  Cluster,
  type ClusterOptions,
  Host,
  type HostProcess,
  mainCluster,
  type ProcessUsage,
  privileges,
  removePlainHost,
  startControlHost,
  startPlainHost,
  testCluster,
} from './cluster/index.ts';
export * as faults from './faults/index.ts';
export { buildDockerPyImage, buildShoalImage, type HostInit, removeImage } from './images/index.ts';
export {
  converged,
  deploy,
  exampleApp,
  Load,
  type LoadOptions,
  type LoadReport,
  type LoadSlot,
  listTasks,
  type ServiceSpec,
  says,
  type TaskView,
} from './load/index.ts';
export {
  forgetClusterAddress,
  type HttpAnswer,
  type HttpOptions,
  http,
  httpJson,
  lastLines,
  run,
  say,
  step,
  TestbedError,
  tryRun,
  type UntilOptions,
  until,
} from './machine/index.ts';
