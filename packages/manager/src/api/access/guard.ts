import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Rate, RateLimit } from '../../rate-limit.ts';
import { sourceOf } from '../../source.ts';
import { type ApiDeps, ApiError, type Door, doorOf, mayAct, named, type User } from '../http/index.ts';
import { authenticate } from './authenticate.ts';
import { certificateOf } from './certificate.ts';
import { refuseOtherPages } from './pages.ts';
import { forecastPath, roleFor } from './roles.ts';

/** Of one client over TLS. Whoever is on the manager's own host has other means to keep it busy. */
const rates: Readonly<Record<'known' | 'unknown' | 'forecast', Rate>> = {
  known: { burst: 500, perSecond: 100 },
  // One address, where nobody has shown who it is.
  unknown: { burst: 50, perSecond: 5 },
  // Each takes as long as scheduling all the tasks of those nodes, and nothing else is done meanwhile.
  forecast: { burst: 2, perSecond: 1 },
};
/** How long an answer may go on after the token or certificate that asked for it has ended. */
const recheckMs = 2_000;

type Asked = Pick<ApiDeps, 'store' | 'clock' | 'timeOfDay' | 'through'>;

/** Lets in those who may, before anything else of a request is looked at; says who it is in `request.user`. */
export function guard(app: FastifyInstance, { store, clock, timeOfDay, through }: Asked): void {
  app.decorateRequest('user', null);
  const limit = new RateLimit(clock);
  const passing = new Passing(({ tokenId, until = Infinity }) => {
    const isRevoked = tokenId !== undefined && !store.view.tokens.get(tokenId);
    return !isRevoked && until > timeOfDay();
  });
  app.addHook('onClose', async () => passing.close());
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat())
      if (!roleFor(each, url)) throw new Error(`api/access/roles.ts does not say who may ${each} ${url}`);
  });
  app.addHook('onRequest', async (request, reply) => {
    const door = doorOf(request.raw) ?? through;
    const found = authenticate(
      {
        door,
        authorization: request.headers.authorization,
        certificate: door === 'tls' ? certificateOf(request.raw.socket) : undefined,
      },
      store.view.tokens,
      timeOfDay(),
    );
    const user = 'why' in found ? null : found;
    // Set by the listener where connections are short.
    if (user && reply.raw.hasHeader('Connection')) reply.raw.removeHeader('Connection');
    slowDown(limit, door, user, request, reply);
    refuseOtherPages(door, request.headers);
    request.user = user;
    // What has no route is nobody's business but of those who are known.
    const needed = roleFor(request.method, request.routeOptions.url ?? '') ?? 'viewer';
    if (needed === 'anyone') return;
    if ('why' in found) {
      if (found.status === 401) reply.header('WWW-Authenticate', 'Bearer realm="shoal"');
      throw new ApiError(found.status, found.why);
    }
    if (!mayAct(found, needed)) throw new ApiError(403, lacks(request, found, needed));
    passing.add(found, reply.raw);
  });
}

const lacks = ({ method, routeOptions }: FastifyRequest, user: User, needed: string): string =>
  `${method} ${routeOptions.url} needs the role ${needed}; ${named(user)} has the role ${user.role}`;

/** Throws 429. */
function slowDown(
  limit: RateLimit,
  door: Door | undefined,
  user: User | null,
  { ip, routeOptions }: FastifyRequest,
  reply: FastifyReply,
): void {
  if (door !== 'tls') return;
  const client = user ? `${user.via} ${user.tokenId ?? user.name}` : `from ${sourceOf(ip)}`;
  let waitMs = limit.take(client, user ? rates.known : rates.unknown);
  if (waitMs === 0 && user && routeOptions.url === forecastPath)
    waitMs = limit.take(`forecast ${client}`, rates.forecast);
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1_000);
  reply.header('Retry-After', String(seconds));
  throw new ApiError(429, `too many requests of ${user ? named(user) : ip}: ask again in ${seconds} s`);
}

/** Answers under way to those whose token or certificate may end meanwhile. */
class Passing {
  readonly #answers = new Map<FastifyReply['raw'], User>();
  readonly #timer: NodeJS.Timeout;

  constructor(holds: (user: User) => boolean) {
    this.#timer = setInterval(() => {
      for (const [answer, user] of this.#answers) if (!holds(user)) answer.destroy();
    }, recheckMs).unref();
  }

  add(user: User, answer: FastifyReply['raw']): void {
    if (user.until === undefined && user.tokenId === undefined) return;
    this.#answers.set(answer, user);
    answer.once('close', () => this.#answers.delete(answer));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
