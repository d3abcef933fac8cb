import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import {
  ApiConfig,
  type ApiPayload,
  ApiSecret,
  ConfigSpec,
  contentVersion,
  type Payload,
  type PayloadKind,
  type PayloadSpec,
  payloadKinds,
  SecretSpec,
} from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { filtersParam, idParam, nothing, query, route } from '../docs/index.ts';
import { type ApiDeps, parseFilters, parseVersion } from '../http/index.ts';
import { createPayload, type How, holds, removePayload, updateContent, updateLabels } from './changes.ts';
import { filterKeys, findPayload, listPayloads } from './find.ts';

const kinds = {
  secret: { tag: 'Secrets', spec: SecretSpec, shown: ApiSecret },
  config: { tag: 'Configs', spec: ConfigSpec, shown: ApiConfig },
} as const;

const NewContent = Type.Object(
  { Data: Type.String({ description: 'Base64' }) },
  { additionalProperties: false },
);

interface ById {
  Params: { id: string };
}

/** Docker's secrets and configs, which differ in that what a secret holds is never shown. */
export function payloadRoutes(app: FastifyInstance, deps: ApiDeps): void {
  for (const kind of payloadKinds) {
    readRoutes(app, kind, deps);
    changeRoutes(app, kind, deps);
  }
}

function readRoutes(app: FastifyInstance, kind: PayloadKind, { store, vault }: ApiDeps): void {
  const { tag, shown } = kinds[kind];
  app.get<{ Querystring: { filters?: string } }>(
    `/${kind}s`,
    route({
      tag,
      summary: `All ${kind}s`,
      query: query({ filters: filtersParam(filterKeys) }),
      answers: [200, Type.Array(shown)],
      errors: [400],
    }),
    async ({ query: { filters } }) =>
      listPayloads(store.view, kind, parseFilters(filters, filterKeys)).map((one) =>
        show(store.view, kind, one, { vault }),
      ),
  );
  app.get<ById>(
    `/${kind}s/:id`,
    route({ tag, summary: `One ${kind}`, params: idParam, answers: [200, shown], errors: [400, 404] }),
    async ({ params }) => show(store.view, kind, findPayload(store.view, kind, params.id), { vault }),
  );
}

function changeRoutes(app: FastifyInstance, kind: PayloadKind, deps: ApiDeps): void {
  const { store, vault, clock, ids } = deps;
  const { tag, spec } = kinds[kind];
  const how = (): How => ({ vault, now: clock() });
  app.post<{ Body: PayloadSpec }>(
    `/${kind}s/create`,
    route({
      tag,
      summary: `Create a ${kind}`,
      description:
        'With `Templating` {"Name": "golang"} what it holds is a template, filled in for each task.',
      body: spec,
      answers: [201, Type.Object({ ID: Type.String() })],
      errors: [400, 409, 413],
    }),
    async ({ body }, reply) => {
      const { ID } = await store.update((tx) => createPayload(tx, kind, ids(), body, how()), 'people');
      return reply.code(201).send({ ID });
    },
  );
  app.post<ById & { Body: PayloadSpec; Querystring: { version?: string } }>(
    `/${kind}s/:id/update`,
    route({
      tag,
      summary: `Change the labels of a ${kind}`,
      params: idParam,
      query: query({ version: `Version.Index of the ${kind} that was changed; a stale one is refused` }),
      body: spec,
      answers: [200, nothing],
      errors: [400, 404, 413],
    }),
    async ({ params, query: asked, body }, reply) => {
      const version = parseVersion(kind, asked.version);
      await store.update(
        (tx) => updateLabels(tx, kind, params.id, { version, spec: body, how: how() }),
        'people',
      );
      return reply.send();
    },
  );
  app.delete<ById>(
    `/${kind}s/:id`,
    route({
      tag,
      summary: `Remove a ${kind} that no service uses`,
      params: idParam,
      answers: [204, nothing],
      errors: [400, 404],
    }),
    async ({ params }, reply) => {
      await store.update((tx) => removePayload(tx, kind, params.id), 'people');
      return reply.code(204).send();
    },
  );
  app.post<ById & { Body: { Data: string } }>(
    `/shoal/v1/${kind}s/:id/content`,
    route({
      tag: 'Shoal',
      summary: `Have a ${kind} hold something else`,
      description:
        'The services that use it are updated by their own settings. Their tasks keep what they have until they are replaced.',
      params: idParam,
      body: NewContent,
      answers: [
        200,
        Type.Object({
          ID: Type.String(),
          ContentVersion: Type.Integer(),
          Services: Type.Array(Type.String({ description: 'Name of a service that is updated by this' })),
        }),
      ],
      errors: [400, 404, 413],
    }),
    async ({ params, body }) => {
      const { payload, services } = await store.update(
        (tx) => updateContent(tx, kind, params.id, body.Data, how()),
        'people',
      );
      return { ID: payload.ID, ContentVersion: contentVersion(payload), Services: services };
    },
  );
}

/** As Docker shows it: of a config also what it holds. */
function show(
  view: ReadView,
  kind: PayloadKind,
  payload: Payload,
  { vault }: Pick<How, 'vault'>,
): ApiPayload {
  const { contents: _, Spec, ...shown } = payload;
  const Data = kind === 'config' && holds(view, kind, payload, { vault }).toString('base64');
  return {
    ...shown,
    Spec: { ...Spec, Labels: Spec.Labels ?? {}, ...(Data && { Data }) },
    ContentVersion: contentVersion(payload),
  };
}
