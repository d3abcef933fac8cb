export { listenerRoutes } from './listeners.ts';
export { livenessRoutes } from './liveness.ts';
export { nodeRoutes } from './routes.ts';
