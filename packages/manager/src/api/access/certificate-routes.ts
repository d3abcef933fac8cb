import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isoTime } from '../../effects.ts';
import { NewCertificate } from '../../model/index.ts';
import { trustedRoots } from '../../trust/index.ts';
import { route } from '../docs/index.ts';
import { type ApiDeps, ApiError } from '../http/index.ts';

const made = Type.Object({
  name: Type.String(),
  role: Type.String(),
  expiresAt: Type.String(),
  ca: Type.String({ description: 'PEM: by which its holder knows the manager' }),
  cert: Type.String({ description: 'PEM' }),
  key: Type.String({ description: 'PEM; it is in this answer and nowhere else' }),
});

/** Client certificates of users, for `docker --tlsverify` and `docker context`. */
export function certificateRoutes(app: FastifyInstance, { store, authority }: ApiDeps): void {
  app.post<{ Body: NewCertificate }>(
    '/shoal/v1/certificates',
    route({
      tag: 'Shoal',
      summary: 'Make a client certificate for a user',
      description:
        "Signed by the cluster's authority. It can not be taken back before it ends, unless the root is rotated: what may have to be revoked should be a token.",
      body: NewCertificate,
      answers: [201, made],
      errors: [400, 503],
    }),
    async ({ body: { name, role, expiresInMs } }, reply) => {
      const [cluster] = store.view.clusters.all();
      if (!cluster) throw new ApiError(503, 'there is no cluster yet');
      const { trust } = cluster;
      const { key, certificate, expiresAt } = await authority.userCredentials(
        cluster,
        { name, role },
        expiresInMs ?? trust.nodeCertExpiryMs,
      );
      return reply
        .code(201)
        .header('Cache-Control', 'no-store')
        .send({
          name,
          role,
          expiresAt: isoTime(expiresAt),
          ca: trustedRoots(trust).join(''),
          cert: certificate,
          key,
        });
    },
  );
}
