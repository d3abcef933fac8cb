import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { checkKinds, examineNetworks, type Findings } from '../../insight/index.ts';
import { route } from '../docs/index.ts';
import type { ApiDeps } from '../http/index.ts';

const findings = Type.Object(
  {
    healthy: Type.Boolean(),
    checks: Type.Array(
      Type.Object({
        from: Type.String({ description: 'Host name' }),
        to: Type.Optional(
          Type.String({ description: 'Host name, where the way between two hosts was checked' }),
        ),
        check: Type.Enum([...checkKinds]),
        ok: Type.Boolean(),
        says: Type.String({ description: 'What was found, and what to do about it' }),
      }),
    ),
  },
  { description: 'What is not well comes first' },
);

export function doctorRoutes(app: FastifyInstance, { store, queries }: ApiDeps): void {
  let running: Promise<Findings> | undefined;
  app.get(
    '/shoal/v1/doctor/networks',
    route({
      tag: 'Shoal',
      summary: 'Checks the networks of all hosts, and says what is wrong in plain words',
      description:
        'Every connected host compares its rules and routes with what they should be, asks its own DNS servers, ' +
        'sends small and full-sized packets to the other hosts inside the overlay (to 64 of them in larger ' +
        'clusters), and tries what users do: containers by address, name and VIP from inside of other containers, and ' +
        'published ports. Takes 10 s at most. Those who ask while a check is under way get its answer.',
      answers: [200, findings],
    }),
    async () => {
      running ??= examineNetworks(store.view, queries.ask).finally(() => {
        running = undefined;
      });
      return running;
    },
  );
}
