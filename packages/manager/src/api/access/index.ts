export { auditChanges, auditRoutes } from './audit.ts';
export { adminOfHost } from './authenticate.ts';
export { certificateRoutes } from './certificate-routes.ts';
export { guard } from './guard.ts';
export { refuseOtherPages } from './pages.ts';
export { roleFor } from './roles.ts';
export { tokenRoutes } from './routes.ts';
