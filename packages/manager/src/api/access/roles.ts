import type { AccessRole } from '../../model/index.ts';

export const forecastPath = '/shoal/v1/plan';

/**
 * What each route needs, by the least role that may use it. A route that is not here is not served: the API does not start.
 *
 * Viewers read what is no secret; operators also say what runs, which is as much as root on the hosts that it runs on (a
 * service can mount any folder); admins also say who belongs to the cluster and who may do what.
 */
export const routeRoles: Readonly<Record<AccessRole | 'anyone', readonly string[]>> = {
  // They tell only that a manager is there, and how its API looks.
  anyone: [
    'GET /_ping',
    'HEAD /_ping',
    'GET /healthz',
    'GET /readyz',
    'GET /openapi.json',
    'GET /docs',
    'GET /docs/start.js',
    'GET /docs/swagger-ui-bundle.js',
    'GET /docs/swagger-ui.css',
  ],
  viewer: [
    'GET /version',
    'GET /info',
    'GET /events',
    'GET /nodes',
    'GET /nodes/:id',
    'GET /services',
    'GET /services/:id',
    'GET /services/:id/logs',
    'GET /tasks',
    'GET /tasks/:id',
    'GET /tasks/:id/logs',
    'GET /networks',
    'GET /networks/:id',
    // What secrets hold is in no answer.
    'GET /secrets',
    'GET /secrets/:id',
    'GET /configs',
    'GET /configs/:id',
    'GET /shoal/v1/jobs',
    'GET /shoal/v1/jobs/:id',
    'GET /shoal/v1/networks/:id',
    'GET /shoal/v1/nodes/:id/listeners',
    'GET /shoal/v1/nodes/:id/liveness',
    'GET /shoal/v1/restore',
    'GET /shoal/v1/services/:id/ports',
    'GET /shoal/v1/tasks/:id/explain',
  ],
  operator: [
    'POST /services/create',
    'POST /services/:id/update',
    'DELETE /services/:id',
    'POST /secrets/create',
    'POST /secrets/:id/update',
    'DELETE /secrets/:id',
    'POST /shoal/v1/secrets/:id/content',
    'POST /configs/create',
    'POST /configs/:id/update',
    'DELETE /configs/:id',
    'POST /shoal/v1/configs/:id/content',
    'POST /networks/create',
    'DELETE /networks/:id',
    'POST /networks/prune',
    'POST /networks/:id/connect',
    'POST /networks/:id/disconnect',
    // Reads, but keeps the manager busy.
    `POST ${forecastPath}`,
    // Reads, but one host asks the registry that the client names, and the other all hosts to send packets.
    'GET /distribution/*',
    'GET /shoal/v1/doctor/networks',
  ],
  admin: [
    // The join tokens.
    'GET /swarm',
    'GET /swarm/unlockkey',
    'POST /swarm/unlock',
    'POST /swarm/update',
    'POST /nodes/:id/update',
    'DELETE /nodes/:id',
    'GET /shoal/v1/tokens',
    'POST /shoal/v1/tokens',
    'DELETE /shoal/v1/tokens/:id',
    'POST /shoal/v1/certificates',
    'POST /shoal/v1/backup',
    'POST /shoal/v1/restore/finish',
    'GET /shoal/v1/audit',
    'GET /shoal/v1/audit/verify',
  ],
};

const roles: ReadonlyMap<string, AccessRole | 'anyone'> = new Map(
  (Object.keys(routeRoles) as (AccessRole | 'anyone')[]).flatMap((role) =>
    routeRoles[role].map((route) => [route, role] as const),
  ),
);

export const roleFor = (method: string, route: string): AccessRole | 'anyone' | undefined =>
  roles.get(`${method} ${route}`);
