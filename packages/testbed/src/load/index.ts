export {
  APP_PORT,
  converged,
  deploy,
  exampleApp,
  listTasks,
  type ServiceSpec,
  says,
  type TaskView,
} from './app.ts';
export { Load, type LoadOptions, type LoadReport, type LoadSlot, SLOT_MS } from './load.ts';
