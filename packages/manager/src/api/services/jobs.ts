import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { jobReport } from '../../insight/index.ts';
import { isJob, modeOf } from '../../model/index.ts';
import { idParam, route } from '../docs/index.ts';
import { type ApiDeps, badRequest } from '../http/index.ts';
import { findService, visibleServices } from '../objects/index.ts';

const Report = Type.Object(
  {},
  { description: 'How a job stands, its schedule, and the runs that the history has kept' },
);

export function jobRoutes(app: FastifyInstance, { store, timeOfDay }: ApiDeps): void {
  app.get(
    '/shoal/v1/jobs',
    route({
      tag: 'Shoal',
      summary: 'All jobs, with their last runs and their next one',
      answers: [200, Type.Array(Report)],
    }),
    async () =>
      visibleServices(store.view)
        .filter(({ Spec }) => isJob(Spec))
        .map((service) => jobReport(store.view, service, timeOfDay()))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );
  app.get<{ Params: { id: string } }>(
    '/shoal/v1/jobs/:id',
    route({
      tag: 'Shoal',
      summary: 'One job, with its last runs and its next one',
      params: idParam,
      answers: [200, Report],
      errors: [400, 404],
    }),
    async ({ params }) => {
      const service = findService(store.view, params.id);
      if (!isJob(service.Spec))
        throw badRequest(`service ${service.Spec.Name} is no job: its mode is ${modeOf(service.Spec)}`);
      return jobReport(store.view, service, timeOfDay());
    },
  );
}
