export { jobRoutes } from './jobs.ts';
export { serviceRoutes } from './routes.ts';
