export { updateService } from './changes.ts';
export { serviceRoutes } from './routes.ts';
