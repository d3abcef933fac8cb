import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isoTime } from '../../effects.ts';
import { ApiToken, NewToken, type Token } from '../../model/index.ts';
import type { Tx } from '../../store/index.ts';
import { idParam, nothing, route } from '../docs/index.ts';
import { type ApiDeps, ApiError, badRequest, notFound } from '../http/index.ts';
import { makeToken } from './tokens.ts';

const tag = 'Shoal';
const mostTokens = 1_000;

/** Bearer tokens of the API: who may make one may do everything. */
export function tokenRoutes(app: FastifyInstance, { store, timeOfDay, ids }: ApiDeps): void {
  const shown = ({ ID, name, role, CreatedAt, expiresAt }: Token): ApiToken => ({
    id: ID,
    name,
    role,
    createdAt: CreatedAt,
    ...(expiresAt !== undefined && { expiresAt: isoTime(expiresAt) }),
    expired: expiresAt !== undefined && expiresAt <= timeOfDay(),
  });
  app.get(
    '/shoal/v1/tokens',
    route({ tag, summary: 'All tokens, without their values', answers: [200, Type.Array(ApiToken)] }),
    async () => [...store.view.tokens.all()].map(shown).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );
  app.post<{ Body: NewToken }>(
    '/shoal/v1/tokens',
    route({
      tag,
      summary: 'Make a token',
      description: 'Its value is in this answer and nowhere else: only a hash of it is stored.',
      body: NewToken,
      answers: [
        201,
        Type.Object({ ...ApiToken.properties, token: Type.String({ description: 'What its holder sends' }) }),
      ],
      errors: [400, 409],
    }),
    async ({ body: { name, role, expiresInMs } }, reply) => {
      const { id, value, hash } = makeToken(ids);
      const token = await store.update((tx) => {
        refuseToken(tx, name);
        return tx.tokens.create({
          ID: id,
          name,
          role,
          hash,
          ...(expiresInMs !== undefined && { expiresAt: timeOfDay() + expiresInMs }),
        });
      }, 'people');
      return reply
        .code(201)
        .header('Cache-Control', 'no-store')
        .send({ ...shown(token), token: value });
    },
  );
  app.delete<{ Params: { id: string } }>(
    '/shoal/v1/tokens/:id',
    route({
      tag,
      summary: 'Revoke a token',
      description: 'By id or name. Answers that go on, as logs do, end within 2 s.',
      params: idParam,
      answers: [204, nothing],
      errors: [404],
    }),
    async ({ params: { id } }, reply) => {
      await store.update((tx) => {
        const token = tx.tokens.get(id) ?? [...tx.tokens.all()].find(({ name }) => name === id);
        if (!token) throw notFound('token', id);
        tx.tokens.remove(token.ID);
      }, 'people');
      return reply.code(204).send();
    },
  );
}

function refuseToken(tx: Tx, name: string): void {
  if ([...tx.tokens.all()].some((token) => token.name === name))
    throw new ApiError(409, `a token "${name}" exists already: revoke it first, or choose another name`);
  if (tx.tokens.size >= mostTokens)
    throw badRequest(`there are ${mostTokens} tokens, which is the most: revoke those that nobody uses`);
}
