import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { restLeftMs } from '../../model/index.ts';
import { idParam, route } from '../docs/index.ts';
import type { ApiDeps } from '../http/index.ts';
import { findNode } from '../objects/index.ts';

const state = Type.Enum(['heard', 'suspect', 'away', 'silent', 'down'], {
  description:
    'suspect: not heard, and not known why. away: its host answers probes, its agent is not heard. silent: its host ' +
    'does not answer either; it gets no traffic. down: given up; its tasks are replaced',
});
const time = Type.String({ format: 'date-time' });

const verdict = {
  at: time,
  state,
  says: Type.String({ description: 'The reason, in words for people' }),
  heardAt: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'When the node was last heard; missing if that was before the manager was started',
    }),
  ),
  evidence: Type.Array(
    Type.Object({
      at: time,
      tookMs: Type.Integer(),
      probes: Type.Array(
        Type.Object({
          by: Type.String({ description: '"manager", or the id of the node that helped' }),
          hostname: Type.Optional(Type.String()),
          answer: Type.Enum(['accepted', 'refused', 'silent', 'unknown'], {
            description:
              'accepted, refused: the host lives. unknown: the prober could not look, or did not say',
          }),
        }),
      ),
    }),
    { description: 'The newest rounds of probes since then' },
  ),
};

const liveness = Type.Object({
  node: Type.String(),
  hostname: Type.String(),
  ...verdict,
  restMs: Type.Integer({
    description:
      'How much longer it gets no new tasks because it went down again and again; 0 when it does not rest, also while it is down',
  }),
  verdicts: Type.Array(Type.Object(verdict), {
    description: 'Earlier ones, newest first, 20 at most; forgotten when the manager starts again',
  }),
  valve: Type.Object(
    {
      open: Type.Boolean(),
      rule: Type.String(),
      known: Type.Integer({ description: 'Nodes that are not down' }),
      unheard: Type.Integer({ description: 'Of these, those not heard in time' }),
      unanswered: Type.Integer({ description: 'Of these, those whose hosts do not answer probes either' }),
    },
    {
      description: 'The safety valve: while it is open the manager waits longer before it gives any node up',
    },
  ),
});

export function livenessRoutes(app: FastifyInstance, { store, clock, liveness: report }: ApiDeps): void {
  app.get<{ Params: { id: string } }>(
    '/shoal/v1/nodes/:id/liveness',
    route({
      tag: 'Shoal',
      summary: 'Whether a node is heard, and the evidence for what is thought of it',
      params: idParam,
      answers: [200, liveness],
      errors: [400, 404],
    }),
    async ({ params }) => {
      const node = findNode(store.view, params.id);
      return { ...report(node), restMs: restLeftMs(node, clock()) };
    },
  );
}
