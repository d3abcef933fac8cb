import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { endHold } from '../../hold/index.ts';
import { anything, nothing, route } from '../docs/index.ts';
import { type ApiDeps, ApiError } from '../http/index.ts';

const tag = 'Shoal';
const NewBackup = Type.Object({
  passphrase: Type.String({
    minLength: 8,
    maxLength: 1_024,
    description: 'Whoever has it and the file has the cluster. It is kept nowhere',
  }),
});

const ofServices = Type.Array(
  Type.Object({ service: Type.String(), tasks: Type.Integer(), nodes: Type.Array(Type.String()) }),
);
const restoreState = Type.Object({
  onHold: Type.Boolean(),
  madeAt: Type.Optional(Type.String({ description: 'When the backup was made' })),
  absent: Type.Optional(Type.Array(Type.String({ description: 'Nodes that have not said what they run' }))),
  wouldStop: Type.Optional(ofServices),
  wouldStart: Type.Optional(ofServices),
});

/** Backups, and what has to be settled when the state came from one. */
export function backupRoutes(app: FastifyInstance, { store, backup, held }: ApiDeps): void {
  let busy = false;
  app.post<{ Body: { passphrase: string } }>(
    '/shoal/v1/backup',
    route({
      tag,
      summary: 'Make a backup of the cluster',
      description:
        'The answer is one file, encrypted with the passphrase, for `shoal restore`: the state, the key that opens it, and ' +
        'where the API is served. It is whole when the answer comes to its end.',
      body: NewBackup,
      answers: [200, anything('The file')],
      errors: [400, 409, 503],
    }),
    async ({ body: { passphrase } }, reply) => {
      if (busy) throw new ApiError(409, 'a backup is being made already: try again in a moment');
      busy = true;
      const file = await backup(passphrase).finally(() => {
        busy = false;
      });
      return reply
        .header('Content-Type', 'application/octet-stream')
        .header('Cache-Control', 'no-store')
        .send(file);
    },
  );
  app.get(
    '/shoal/v1/restore',
    route({
      tag,
      summary: 'Whether the hosts have yet to follow a restored state',
      description:
        'After a restore the manager is on hold: hosts go on as they are until all of them have what the state says, or ' +
        'somebody ends it. Asks all hosts.',
      answers: [200, restoreState],
    }),
    async () => {
      const found = await held();
      const [cluster] = store.view.clusters.all();
      return found && cluster?.restored
        ? { onHold: true, madeAt: cluster.restored.madeAt, ...found }
        : { onHold: false };
    },
  );
  app.post(
    '/shoal/v1/restore/finish',
    route({
      tag,
      summary: 'Let the hosts follow a restored state',
      description:
        'Tasks that it does not know are stopped; those that it says run are started where they do not.',
      answers: [204, nothing],
      errors: [409, 503],
    }),
    async (_request, reply) => {
      const [cluster] = store.view.clusters.all();
      if (!cluster?.restored)
        throw new ApiError(409, 'this manager is not on hold: there is nothing to finish');
      await endHold(store, 'people');
      return reply.code(204).send();
    },
  );
}
