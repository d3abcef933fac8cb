export { guard } from './guard.ts';
export { roleFor } from './roles.ts';
export { tokenRoutes } from './routes.ts';
