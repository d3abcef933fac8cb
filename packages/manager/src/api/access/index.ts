export { auditChanges, auditRoutes } from './audit.ts';
export { certificateRoutes } from './certificate-routes.ts';
export { guard } from './guard.ts';
export { roleFor } from './roles.ts';
export { tokenRoutes } from './routes.ts';
