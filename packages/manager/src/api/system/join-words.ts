import type { FastifyRequest } from 'fastify';
import type { ApiNode } from '../../model/index.ts';

/** How a host joins, for people: `docker swarm join` is for Docker's own swarms. */
export const howToJoin = (manager: string, token: string): string => `shoal join --token ${token} ${manager}`;

/** Connections on which somebody asked for the join tokens. */
const askers = new WeakSet<object>();

export const askedForTokens = ({ raw }: FastifyRequest): void => void askers.add(raw.socket);

/**
 * `docker swarm join-token` prints a `docker swarm join`, which no host can follow, and leaves no room for other words than
 * the manager's address, which comes last. So there they are, for this command alone: it asks for the tokens and then for
 * the manager's node, on a connection of its own. Everybody else gets the mere address.
 */
export function withJoinWords(request: FastifyRequest, node: ApiNode, token: () => string): ApiNode {
  const isDocker = request.headers['user-agent']?.startsWith('Docker-Client/');
  const { ManagerStatus } = node;
  if (!ManagerStatus?.Addr || !isDocker || !askers.has(request.raw.socket)) return node;
  // Others may share the connection, behind a proxy.
  if (request.user?.role !== 'admin') return node;
  const words =
    'That is for swarms of Docker itself, and refused here. A host joins Shoal as a worker; with Shoal installed, run there:\n\n' +
    `    ${howToJoin(ManagerStatus.Addr, token())}`;
  return { ...node, ManagerStatus: { ...ManagerStatus, Addr: `${ManagerStatus.Addr}\n\n${words}` } };
}
