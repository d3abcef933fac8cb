import { ApiError } from './errors.ts';
import { howToJoin } from './join-words.ts';

/** Paths of Docker's API that Shoal does not serve, with what a user can do instead. */
const table: readonly { readonly path: RegExp; readonly what: string; readonly instead: string }[] = [
  {
    path: /^\/(containers|exec|commit)(\/|$)/,
    what: 'containers',
    instead: 'see services and tasks, or ask the Docker daemon of the host in question',
  },
  {
    path: /^\/(images|build|session|grpc)(\/|$)/,
    what: 'images',
    instead: 'hosts pull the images of their tasks themselves; build and push with a Docker daemon',
  },
  {
    path: /^\/volumes(\/|$)/,
    what: 'volumes',
    instead: 'hosts make the volumes that their tasks mount; see them with the Docker daemon of the host',
  },
  { path: /^\/secrets(\/|$)/, what: 'secrets', instead: 'use environment variables or files meanwhile' },
  { path: /^\/configs(\/|$)/, what: 'configs', instead: 'use environment variables or files meanwhile' },
  { path: /^\/events(\/|$)/, what: 'events', instead: 'list services and tasks meanwhile' },
  {
    path: /^\/(services|tasks)\/[^/]+\/logs$/,
    what: 'logs',
    instead: 'read them with the Docker daemon of the node that `docker service ps` names',
  },
  {
    path: /^\/swarm\/(init|join|leave|update|unlock|unlockkey)$/,
    what: 'changes of the swarm itself',
    instead: 'hosts join by starting an agent with the join token of GET /swarm',
  },
  { path: /^\/plugins(\/|$)/, what: 'plugins', instead: 'install them on the hosts' },
  { path: /^\/auth$/, what: 'logins', instead: 'send credentials with --with-registry-auth' },
  {
    path: /^\/system\/df$/,
    what: 'sizes of images, containers and volumes',
    instead: 'ask the Docker daemon of the host in question',
  },
];

const joinInstead = (manager: string): string =>
  `a host joins by its agent; run there: ${howToJoin(manager, 'TOKEN')} ` +
  '(TOKEN: see `docker swarm join-token -q worker`; ADDRESS: its own, by which the others reach it)';

/** The answer for a path that has no route, `manager` being where agents reach it: 501 for Docker's own paths, else 404 as Docker says it. */
export function noRoute(method: string, path: string, manager: string): ApiError {
  const known = table.find((row) => row.path.test(path));
  if (!known) return new ApiError(404, 'page not found');
  const instead = path === '/swarm/join' ? joinInstead(manager) : known.instead;
  return new ApiError(501, `${known.what} are not served by Shoal yet (${method} ${path}): ${instead}`);
}
