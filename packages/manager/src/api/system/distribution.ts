import type { FastifyInstance } from 'fastify';
import { isReference } from '../checks/index.ts';
import { anything, route } from '../docs/index.ts';
import { type ApiDeps, ApiError, badRequest } from '../http/index.ts';

/** An image's name has slashes, so the path is a wildcard to the router; the documentation shows it as it is. */
export const distributionPath = '/distribution/*';
const suffix = '/json';

export function distributionRoutes(app: FastifyInstance, { queries }: ApiDeps): void {
  app.get<{ Params: { '*': string } }>(
    distributionPath,
    route({
      tag: 'Distribution',
      summary: "An image's digest and platforms, from its registry",
      description: "One of the ready hosts' daemons asks the registry, with X-Registry-Auth as credentials.",
      answers: [200, anything('Descriptor and platforms')],
      errors: [400, 401, 403, 404, 503],
    }),
    async ({ params, headers }) => {
      const rest = params['*'];
      if (!rest.endsWith(suffix)) throw new ApiError(404, 'page not found');
      const image = rest.slice(0, -suffix.length);
      if (!isReference(image)) throw badRequest('invalid reference format');
      const auth = headers['x-registry-auth'];
      return queries.distribution(image, typeof auth === 'string' ? auth : '');
    },
  );
}
