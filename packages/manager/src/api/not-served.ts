import { ApiError } from './http/index.ts';
import { howToJoin } from './system/index.ts';

/** A kind of objects of Docker's API that Shoal does not serve, with what a user can do instead. */
interface Kind {
  readonly path: RegExp;
  readonly what: string;
  readonly instead: string;
}

/** A kind whose objects have names. For an unknown name Docker's daemon answers 404, and so does Shoal. */
interface NamedKind extends Kind {
  /** First part of the paths of its objects. */
  readonly root: string;
  /** Words in the place of a name that are routes of their own, e.g. `create`. */
  readonly notNames: readonly string[];
  /** What may follow the name in a path, e.g. `start`. */
  readonly actions: readonly string[];
  /** How Docker's daemon says that there is no such object. */
  readonly missing: (name: string) => string;
}

const containersInstead = 'see services and tasks, or ask the Docker daemon of the host in question';

const namedKinds: readonly NamedKind[] = [
  {
    path: /^\/(containers|commit)(\/|$)/,
    what: 'containers',
    instead: containersInstead,
    root: 'containers',
    notNames: ['json', 'create', 'prune'],
    actions: [
      ...['json', 'logs', 'top', 'stats', 'changes', 'export', 'archive', 'attach', 'attach/ws', 'resize'],
      ...['exec', 'start', 'stop', 'restart', 'kill', 'pause', 'unpause', 'wait', 'rename', 'update'],
    ],
    missing: (name) => `No such container: ${name}`,
  },
  {
    path: /^\/exec(\/|$)/,
    what: 'containers',
    instead: containersInstead,
    root: 'exec',
    notNames: [],
    actions: ['json', 'start', 'resize'],
    missing: (name) => `No such exec instance: ${name}`,
  },
  {
    path: /^\/(images|build|session|grpc)(\/|$)/,
    what: 'images',
    instead: 'hosts pull the images of their tasks themselves; build and push with a Docker daemon',
    root: 'images',
    notNames: ['json', 'search', 'get', 'load', 'create', 'prune'],
    actions: ['json', 'history', 'get', 'attestations', 'push', 'tag'],
    missing: (name) => `No such image: ${name}`,
  },
  {
    path: /^\/volumes(\/|$)/,
    what: 'volumes',
    instead: 'hosts make the volumes that their tasks mount; see them with the Docker daemon of the host',
    root: 'volumes',
    notNames: ['create', 'prune'],
    actions: [],
    missing: (name) => `get ${name}: no such volume`,
  },
  {
    path: /^\/plugins(\/|$)/,
    what: 'plugins',
    instead: 'install them on the hosts',
    root: 'plugins',
    notNames: ['privileges', 'pull', 'create'],
    actions: ['json', 'enable', 'disable', 'push', 'upgrade', 'set'],
    missing: (name) => `plugin "${name}" not found`,
  },
];

const otherKinds: readonly Kind[] = [
  {
    path: /^\/swarm\/(init|join)$/,
    what: 'changes of the swarm itself',
    instead: 'this is a cluster already; hosts join it by their agents, see `docker swarm join-token worker`',
  },
  {
    path: /^\/swarm\/leave$/,
    what: 'changes of the swarm itself',
    instead: 'to take a host out, stop its agent there and say `docker node rm --force NODE` here',
  },
  { path: /^\/auth$/, what: 'logins', instead: 'send credentials with --with-registry-auth' },
];

const joinInstead = (manager: string): string =>
  `with Shoal installed, run there: ${howToJoin(manager, 'TOKEN')} ` +
  '(TOKEN: see `docker swarm join-token -q worker`)';

/**
 * What a daemon without such objects answers to those who ask in passing, as `docker system prune` does for everything. Lists of what does exist on the hosts are not here: an empty one would
 * tell a backup that there is nothing to save.
 */
const emptyAnswers: Readonly<Record<string, unknown>> = {
  'GET /plugins': [],
  'GET /system/df': {
    LayersSize: 0,
    Images: [],
    Containers: [],
    Volumes: [],
    BuildCache: [],
    BuilderSize: 0,
  },
  'POST /containers/prune': { ContainersDeleted: null, SpaceReclaimed: 0 },
  'POST /images/prune': { ImagesDeleted: null, SpaceReclaimed: 0 },
  'POST /volumes/prune': { VolumesDeleted: [], SpaceReclaimed: 0 },
  'POST /build/prune': { CachesDeleted: null, SpaceReclaimed: 0 },
};

/**
 * The answer's body for a path that has no route, `manager` being where agents reach it. Throws ApiError where there is none: 404 in Docker's words for
 * one object by its name, 501 for what else is Docker's, 404 for the rest.
 */
export function answerWithoutRoute(method: string, path: string, manager: string): unknown {
  const request = `${method} ${path}`;
  if (Object.hasOwn(emptyAnswers, request)) return emptyAnswers[request];
  const named = namedKinds.find((kind) => kind.path.test(path));
  const known = named ?? otherKinds.find((kind) => kind.path.test(path));
  if (!known) throw new ApiError(404, 'page not found');
  const name = named && nameIn(named, path);
  if (named && name) {
    throw new ApiError(
      404,
      `${named.missing(name)} (${named.what} are not served by Shoal yet: ${named.instead})`,
    );
  }
  const instead = path === '/swarm/join' ? joinInstead(manager) : known.instead;
  throw new ApiError(501, `${known.what} are not served by Shoal yet (${request}): ${instead}`);
}

/** The object's name in a path such as `/images/registry:5000/web:1/json`; undefined when it names none. */
function nameIn({ root, notNames, actions }: NamedKind, path: string): string | undefined {
  if (!path.startsWith(`/${root}/`)) return undefined;
  const rest = path.slice(root.length + 2);
  if (notNames.includes(rest)) return undefined;
  const action = actions.find((one) => rest.endsWith(`/${one}`));
  return decodeURIComponent(action ? rest.slice(0, -action.length - 1) : rest);
}
