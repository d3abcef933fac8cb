import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ApiService, modeOf, purposes, type Service, ServiceSpec, sealingIn } from '../../model/index.ts';
import type { ReadView, Tx } from '../../store/index.ts';
import { filtersParam, idParam, nothing, query, route } from '../docs/index.ts';
import {
  type ApiDeps,
  badRequest,
  type Filters,
  matchesExactly,
  matchesLabels,
  matchesPrefix,
  parseBool,
  parseFilters,
  parseVersion,
} from '../http/index.ts';
import { findService, openIn, serviceStatus, serviceView, visibleServices } from '../objects/index.ts';
import { createService, removeService, updateService } from './changes.ts';
import { withDefaults } from './defaults.ts';
import { filesOf } from './files.ts';
import { warningsFor } from './networks.ts';

const tag = 'Services';
const filterKeys = ['id', 'label', 'mode', 'name', 'runtime'];

const Warnings = Type.Union([Type.Array(Type.String()), Type.Null()]);
const Created = Type.Object({ ID: Type.String(), Warnings });
const Updated = Type.Object({ Warnings });
/** The header that carries credentials for the image's registry: base64url of JSON. */
const authHeader = 'x-registry-auth';

interface ById {
  Params: { id: string };
}

export function serviceRoutes(app: FastifyInstance, deps: ApiDeps): void {
  readRoutes(app, deps);
  const { store, clock, ids, vault } = deps;
  // Within the transaction: the data key may change before it.
  const sealed = (tx: Tx, id: string, auth: string | undefined) =>
    auth ? vault.seal(sealingIn(tx), purposes.registryAuth(id), auth) : undefined;

  app.post<{ Body: ServiceSpec }>(
    '/services/create',
    route({
      tag,
      summary: 'Create a service',
      description:
        'A field that Shoal can not honour is refused by its path. X-Registry-Auth is kept for pulling the image.',
      body: ServiceSpec,
      answers: [201, Created],
      errors: [400, 404, 409, 413],
    }),
    async ({ body, headers }, reply) => {
      const [id, auth] = [ids(), textOf(headers[authHeader])];
      const { ID } = await store.update(
        (tx) => createService(tx, id, body, sealed(tx, id, auth), clock(), openIn(tx, vault)),
        'people',
      );
      return reply.code(201).send({ ID, Warnings: warningsFor(store.view, store.view.services.get(ID)) });
    },
  );
  app.post<ById & { Body: ServiceSpec; Querystring: UpdateQuery }>(
    '/services/:id/update',
    route({
      tag,
      summary: 'Update a service, or take its last update back',
      params: idParam,
      query: query({
        version: 'Version.Index of the service that was changed; a stale one is refused',
        registryAuthFrom: 'Without X-Registry-Auth: spec (default) or previous-spec',
        rollback: 'previous: go back to the previous spec',
      }),
      body: ServiceSpec,
      answers: [200, Updated],
      errors: [400, 404, 413, 501],
    }),
    async ({ params, query: asked, body, headers }) => {
      const change = {
        version: parseVersion('service', asked.version),
        spec: body,
        ...updateOptions(asked),
        now: clock(),
      };
      const { ID } = findService(store.view, params.id);
      const auth = textOf(headers[authHeader]);
      await store.update(
        (tx) =>
          updateService(tx, {
            id: ID,
            ...change,
            registryAuth: sealed(tx, ID, auth),
            open: openIn(tx, vault),
          }),
        'people',
      );
      return { Warnings: warningsFor(store.view, store.view.services.get(ID)) };
    },
  );
  app.delete<ById>(
    '/services/:id',
    route({
      tag,
      summary: 'Remove a service and its tasks',
      params: idParam,
      answers: [200, nothing],
      errors: [400, 404],
    }),
    async ({ params }, reply) => {
      const { ID } = findService(store.view, params.id);
      await store.update((tx) => removeService(tx, ID), 'people');
      return reply.send();
    },
  );
}

function readRoutes(app: FastifyInstance, { store }: ApiDeps): void {
  app.get<{ Querystring: { filters?: string; status?: string } }>(
    '/services',
    route({
      tag,
      summary: 'All services',
      query: query({
        filters: filtersParam(filterKeys),
        status: 'true: with the numbers of running and desired tasks',
      }),
      answers: [200, Type.Array(ApiService)],
      errors: [400],
    }),
    async ({ query: { filters, status } }) => {
      const { view } = store;
      const withStatus = parseBool('status', status);
      return listServices(view, parseFilters(filters, filterKeys)).map((service) => ({
        ...serviceView(view, service),
        ...(withStatus && { ServiceStatus: serviceStatus(view, service) }),
      }));
    },
  );
  app.get<ById & { Querystring: { insertDefaults?: string } }>(
    '/services/:id',
    route({
      tag,
      summary: 'One service',
      params: idParam,
      query: query({ insertDefaults: 'true: with defaults where the spec says nothing' }),
      answers: [200, ApiService],
      errors: [400, 404],
    }),
    async ({ params, query: { insertDefaults } }) => {
      const fill = parseBool('insertDefaults', insertDefaults);
      const service = findService(store.view, params.id);
      const shown = fill ? withDefaults(store.view, service) : serviceView(store.view, service);
      return { ...shown, ...filesOf(store.view, service) };
    },
  );
}

const listServices = (view: ReadView, filters: Filters): Service[] =>
  visibleServices(view)
    .filter(
      ({ ID, Spec }) =>
        matchesPrefix(filters, 'name', Spec.Name ?? '') &&
        matchesPrefix(filters, 'id', ID) &&
        matchesLabels(filters, 'label', Spec.Labels) &&
        matchesExactly(filters, 'mode', modeOf(Spec)) &&
        matchesExactly(filters, 'runtime', 'container'),
    )
    .toSorted((a, b) => (a.ID < b.ID ? -1 : 1));

interface UpdateQuery {
  version?: string;
  registryAuthFrom?: string;
  rollback?: string;
}

function updateOptions({ registryAuthFrom, rollback }: UpdateQuery) {
  const authFrom = registryAuthFrom || 'spec';
  if (authFrom !== 'spec' && authFrom !== 'previous-spec') {
    throw badRequest(`invalid registryAuthFrom '${authFrom}'`);
  }
  if (rollback && rollback !== 'none' && rollback !== 'previous') {
    throw badRequest(`unrecognized rollback option ${rollback}`);
  }
  return { authFrom, rollback: rollback === 'previous' } as const;
}

const textOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
