import type { networkInterfaces } from 'node:os';
import type { TLSSocket } from 'node:tls';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { parseSubject } from '@shoal/proto/rules';
import type { Cluster, Node } from '../model/index.ts';
import type { ReadView } from '../store/index.ts';
import { type Peer, peerOf, trustedRoots, Untrusted } from '../trust/index.ts';

/** Why an agent may not join; the text goes to the agent's log. */
export class JoinRefused extends Error {
  override readonly name = 'JoinRefused';
}

/** A connection, as far as TLS knows who is at its other end. */
export type Call = Pick<ServerWritableStream<unknown, unknown>, 'getAuthContext'>;

/** The only place that says who an agent is: undefined without a certificate. Throws JoinRefused for one that does not count. */
export function peerBehind(call: Call, { ID, trust }: Cluster, now: number): Peer | undefined {
  const shown = call.getAuthContext().sslPeerCertificate;
  if (!shown) return undefined;
  try {
    return peerOf(shown.raw, trustedRoots(trust), ID, now);
  } catch (error) {
    throw error instanceof Untrusted ? new JoinRefused(error.message) : error;
  }
}

/**
 * The id of the node that is at the other end of a connection that TLS has verified; undefined for all else that may have a
 * certificate of the cluster's authority: users, managers, nodes that were removed.
 */
export function nodeIdBehind(
  connection: Pick<TLSSocket, 'authorized' | 'getPeerX509Certificate'>,
  { ID }: Cluster,
  view: Pick<ReadView, 'nodes'>,
): string | undefined {
  const shown = connection.authorized ? connection.getPeerX509Certificate() : undefined;
  const subject = shown && parseSubject(shown.subject);
  if (subject?.role !== 'worker' || subject.clusterId !== ID) return undefined;
  return view.nodes.get(subject.id)?.ID;
}

/** The node that a certificate was issued to. Throws JoinRefused when there is none, or none any more. */
export function nodeOf(view: Pick<ReadView, 'nodes'>, peer: Peer | undefined): Node {
  if (!peer)
    throw new JoinRefused(
      "this host showed no certificate of this cluster's authority: its own is missing, has ended, or is another cluster's",
    );
  if (peer.role !== 'worker') throw new JoinRefused(`a certificate of a ${peer.role} is not for an agent`);
  const node = view.nodes.get(peer.id);
  if (node) return node;
  throw new JoinRefused(
    `node ${peer.id} was removed from the cluster or joined it after the backup that its manager was restored from: to join anew, start its agent with an empty state directory and a join token`,
  );
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
