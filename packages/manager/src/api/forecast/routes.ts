import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { faults, forecast } from '../../forecast/index.ts';
import { route } from '../docs/index.ts';
import type { ApiDeps } from '../http/index.ts';
import { findNode } from '../objects/index.ts';

const question = Type.Object(
  {
    fault: Type.Enum([...faults], {
      description: 'host-power-loss: the nodes go down. drain: their availability becomes drain',
    }),
    nodes: Type.Array(Type.String(), {
      minItems: 1,
      maxItems: 1_000,
      description: 'Ids, host names, or beginnings of ids that no other one shares',
    }),
  },
  { additionalProperties: false },
);

const fate = {
  service: Type.String(),
  slot: Type.Optional(Type.Integer({ description: 'Missing for tasks of global services' })),
  task: Type.String({ description: 'Id' }),
  from: Type.String({ description: 'Host name; the id where several nodes have that name' }),
};
const withReason = Type.Object({ ...fate, reason: Type.String() });

const answer = Type.Object({
  fault: question.properties.fault,
  nodes: Type.Array(Type.String()),
  moves: Type.Array(Type.Object({ ...fate, to: Type.String() }), { description: 'Replaced on another node' }),
  noRoom: Type.Array(withReason, { description: 'No node takes the replacement' }),
  stays: Type.Array(withReason, { description: 'Not replaced' }),
});

export function forecastRoutes(app: FastifyInstance, { store, clock, log }: ApiDeps): void {
  app.post<{ Body: Static<typeof question> }>(
    '/shoal/v1/plan',
    route({
      tag: 'Shoal',
      summary: 'What would become of the tasks if something happened to these nodes now; nothing is changed',
      description:
        'The orchestrator and the scheduler decide as they would, on a copy of the state: constraints, reservations, ' +
        'host ports and all. How evenly services are spread afterwards, once nodes are back, is not part of the answer.',
      body: question,
      answers: [200, answer],
      errors: [400, 404],
    }),
    async ({ body: { fault, nodes } }) => {
      const found = new Set(nodes.map((given) => findNode(store.view, given)));
      return forecast(store.view, fault, [...found], { now: clock(), log });
    },
  );
}
