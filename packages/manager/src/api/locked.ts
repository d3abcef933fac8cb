import fastify from 'fastify';
import { UnlockRequest } from '../model/index.ts';
import { adminOfHost, auditChanges, refuseOtherPages } from './access/index.ts';
import type { Api } from './app.ts';
import { nothing, route } from './docs/index.ts';
import {
  type ApiDeps,
  ApiError,
  acceptJson,
  checkVersion,
  describeSchemaErrors,
  doorOf,
  knownError,
  lateValidators,
  maxApiVersion,
  stripVersion,
} from './http/index.ts';
import { lockedInfo, versionView } from './system/index.ts';

/** In the words of Docker's daemon (moby daemon/cluster/errors.go): scripts match on them. */
const lockedWords =
  'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.';
const wrongKeyWords = 'swarm could not be unlocked: invalid key provided';
const mostBytes = 4_096;

export interface LockedDeps extends Pick<ApiDeps, 'audit' | 'timeOfDay' | 'log' | 'about'> {
  /** Resolves when the manager leads; false where that is not the unlock key. */
  readonly unlock: (key: string) => Promise<boolean>;
}

/**
 * What a locked manager answers: that it is locked. It is unlocked on its own host alone: who else may come in, and the certificate
 * to show them, only the state can tell.
 */
export async function buildLockedApi(deps: LockedDeps): Promise<Api> {
  const { unlock, log, about } = deps;
  const app = fastify({
    bodyLimit: mostBytes,
    exposeHeadRoutes: false,
    rewriteUrl: stripVersion,
    schemaErrorFormatter: describeSchemaErrors,
  });
  app.setValidatorCompiler(lateValidators());
  acceptJson(app);
  app.decorateRequest('user', null);
  app.addHook('onRequest', async (request, reply) => {
    reply
      .header('Api-Version', maxApiVersion)
      .header('Docker-Experimental', 'false')
      .header('Ostype', 'linux')
      .header('Server', `Shoal/${about.version} (linux)`)
      .header('Swarm', 'locked');
    const door = doorOf(request.raw);
    refuseOtherPages(door, request.headers);
    request.user = adminOfHost(door);
    if (!request.user) throw new ApiError(503, lockedWords);
    checkVersion(request.raw);
  });
  auditChanges(app, deps);
  app.addHook('onSend', async (_request, reply) => {
    // Go clients take an error's body for JSON only if the type is exactly this.
    if (String(reply.getHeader('Content-Type')).startsWith('application/json'))
      reply.header('Content-Type', 'application/json');
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const known = knownError(error);
    if (!known) log.error({ err: error }, 'could not be unlocked');
    const message = known?.message ?? `internal error: ${error instanceof Error ? error.message : error}`;
    return reply.code(known?.status ?? 500).send({ message });
  });
  app.setNotFoundHandler(async () => {
    throw new ApiError(503, lockedWords);
  });

  const ping = async () => 'OK';
  app.route({ method: ['GET', 'HEAD'], url: '/_ping', handler: ping });
  app.get('/healthz', async () => 'ok');
  app.get('/version', async () => versionView(deps));
  app.get('/info', async () => lockedInfo(deps));
  app.post<{ Body: UnlockRequest }>(
    '/swarm/unlock',
    route({ tag: 'System', summary: 'Unlock', body: UnlockRequest, answers: [200, nothing] }),
    async ({ body }, reply) => {
      if (!(await unlock(body.UnlockKey))) throw new ApiError(401, wrongKeyWords);
      return reply.send();
    },
  );
  await app.ready();
  return app;
}
