export { updateService } from './changes.ts';
export { jobRoutes } from './jobs.ts';
export { serviceRoutes } from './routes.ts';
