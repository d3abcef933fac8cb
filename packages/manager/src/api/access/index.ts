export { type Door, enterBy } from './doors.ts';
export { guard } from './guard.ts';
export { roleFor } from './roles.ts';
export { tokenRoutes } from './routes.ts';
export type { User } from './user.ts';
