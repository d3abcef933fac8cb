export { payloadRoutes } from './routes.ts';
