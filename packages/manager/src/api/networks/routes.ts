import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { networkTraffic, noTraffic } from '../../insight/index.ts';
import { NetworkSpec } from '../../model/index.ts';
import { anything, filtersParam, idParam, nothing, query, route } from '../docs/index.ts';
import { type ApiDeps, ApiError, notFound, parseBool } from '../http/index.ts';
import { createNetwork, removeNetwork } from './changes.ts';
import { isInScope, listKeys, listNetworks, prunable, pruneKeys } from './filter.ts';
import { findNetwork, idOf, nameOf } from './resolve.ts';
import { detailView, inspectView, networkView } from './views.ts';

const tag = 'Networks';

interface ById {
  Params: { id: string };
}

export function networkRoutes(app: FastifyInstance, deps: ApiDeps): void {
  readRoutes(app, deps);
  const { store, clock, ids } = deps;
  app.post<{ Body: NetworkSpec }>(
    '/networks/create',
    route({
      tag,
      summary: 'Create a network: overlay, or bridge for one that each host has for itself',
      body: NetworkSpec,
      answers: [201, Type.Object({ Id: Type.String(), Warning: Type.String() })],
      errors: [400, 403, 404, 409, 413],
    }),
    async ({ body }, reply) => {
      const { ID } = await store.update((tx) => createNetwork(tx, ids(), body), 'people');
      return reply.code(201).send({ Id: ID, Warning: '' });
    },
  );
  app.delete<ById>(
    '/networks/:id',
    route({
      tag,
      summary: 'Remove a network that no service uses',
      params: idParam,
      answers: [204, nothing],
      errors: [400, 403, 404],
    }),
    async ({ params }, reply) => {
      await store.update((tx) => removeNetwork(tx, params.id), 'people');
      return reply.code(204).send();
    },
  );
  app.post<{ Querystring: { filters?: string } }>(
    '/networks/prune',
    route({
      tag,
      summary: 'Remove all networks that no service uses',
      query: query({ filters: filtersParam(pruneKeys) }),
      answers: [200, anything('NetworksDeleted: names')],
      errors: [400],
    }),
    async ({ query: { filters } }) => {
      const names = await store.update((tx) => {
        const networks = prunable(tx, filters, clock());
        for (const network of networks) removeNetwork(tx, idOf(network));
        return networks.map(nameOf);
      }, 'people');
      return { NetworksDeleted: names.length > 0 ? names : null };
    },
  );
  for (const what of ['connect', 'disconnect']) {
    app.post<ById>(
      `/networks/:id/${what}`,
      route({
        tag,
        summary: `Not served: ${what} a single container`,
        params: idParam,
        answers: [200, nothing],
        errors: [404, 501],
      }),
      async ({ params }) => {
        findNetwork(store.view, params.id);
        throw new ApiError(501, `containers can not be ${what}ed one by one: update the service's networks`);
      },
    );
  }
}

function readRoutes(app: FastifyInstance, { store, queries }: ApiDeps): void {
  app.get<{ Querystring: { filters?: string } }>(
    '/networks',
    route({
      tag,
      summary: 'All networks',
      query: query({ filters: filtersParam(listKeys) }),
      answers: [200, Type.Array(anything('A network'))],
      errors: [400],
    }),
    async ({ query: { filters } }) =>
      listNetworks(store.view, filters).map((network) => networkView(store.view, network)),
  );
  app.get<ById & { Querystring: { verbose?: string; scope?: string } }>(
    '/networks/:id',
    route({
      tag,
      summary: 'One network, with the hosts that have a part of it',
      params: idParam,
      query: query({ verbose: 'true: with the services on it', scope: 'swarm or local' }),
      answers: [200, anything('The network')],
      errors: [400, 404],
    }),
    async ({ params, query: { verbose, scope = '' } }) => {
      const withServices = parseBool('verbose', verbose);
      const network = findNetwork(store.view, params.id);
      if (!isInScope(network, scope)) throw notFound('network', params.id);
      return inspectView(store.view, network, withServices, scope === 'swarm');
    },
  );
  app.get<ById>(
    '/shoal/v1/networks/:id',
    route({
      tag: 'Shoal',
      summary: 'How a network is cut into slices, what has an address in it, and what went into its services',
      description:
        'Connections and bytes are what went through all VIPs and published ports of a service, counted by the ' +
        'kernel of each host that they entered by, since its rules were made. Hosts that do not answer within ' +
        '2 s are named under `unanswered`, and missing in the sums.',
      params: idParam,
      answers: [200, anything('Subnets, slices, services with their addresses and traffic')],
      errors: [400, 404],
    }),
    async ({ params }) => {
      const network = findNetwork(store.view, params.id);
      const traffic = network.stored
        ? await networkTraffic(store.view, queries.ask, network.stored)
        : noTraffic;
      return { id: idOf(network), name: nameOf(network), ...detailView(store.view, network, traffic) };
    },
  );
}
