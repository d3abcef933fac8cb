import { createHash, timingSafeEqual } from 'node:crypto';
import type { networkInterfaces } from 'node:os';
import type { Hello } from '@shoal/proto';
import type { Node } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';

/** Why an agent may not join; the text goes to the agent's log. */
export class JoinRefused extends Error {
  override readonly name = 'JoinRefused';
}

/** The node that an agent is, or that it is a new one, under the id it had before if it had one. */
export type Identity = { readonly secretHash: string } & (
  | { readonly known: Node }
  | { readonly known?: undefined; readonly formerId: string | undefined }
);

/**
 * The only place that says who an agent is. Throws JoinRefused when it may not join, or is not the node it claims to be.
 * An id the store does not know, with a secret it does not know either, is taken as it is: the node was removed, or the
 * manager's state was lost.
 */
export function identify(view: Pick<ReadView, 'clusters' | 'nodes'>, hello: Hello): Identity {
  const [cluster] = view.clusters.all();
  if (!cluster || !isSame(hello.joinToken, cluster.JoinTokens.Worker))
    throw new JoinRefused('the join token is not valid for this cluster');
  if (hello.nodeSecret === '') throw new JoinRefused("the greeting lacks the node's secret");
  const secretHash = hashOf(hello.nodeSecret);
  // Also one that joined and was cut off before it heard its id: it must not become a second node.
  const known = view.nodes.get(hello.nodeId) ?? view.nodes.by('secret', secretHash)[0];
  if (!known) return { secretHash, formerId: isId(hello.nodeId) ? hello.nodeId : undefined };
  if (!isSame(secretHash, known.allotted.secretHash))
    throw new JoinRefused(
      `this agent does not have the secret of node ${known.ID}, whose id it claims: start it with an empty state directory, and remove the old node with \`docker node rm ${known.ID}\` if it is gone`,
    );
  return { secretHash, known };
}

/**
 * Whether a stream comes from this host, the manager's own: only of that one an agent is believed that the manager runs
 * there. `peer` is ADDRESS:PORT as the socket has it, `links` are this host's (`networkInterfaces()`).
 */
export function isFromHere(peer: string, links: ReturnType<typeof networkInterfaces>): boolean {
  // An IPv4 address has this before it where the manager listens for IPv6 too.
  const from = peer.slice(0, peer.lastIndexOf(':')).replace(/^::ffff:/, '');
  return Object.values(links).some((addresses) => addresses?.some(({ address }) => address === from));
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

const isId = (id: string): boolean => /^[a-z0-9]{25}$/.test(id);

/** Says nothing of where they differ by the time it takes. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
