import { type handleUnaryCall, type ServerUnaryCall, status } from '@grpc/grpc-js';
import type { IssueReply, IssueRequest, RootsReply, RootsRequest } from '@shoal/proto';
import type { Logger } from 'pino';
import type { Ids } from '../effects.ts';
import type { Cluster, Node } from '../model/index.ts';
import { NotLeadingError, NotWrittenError, type Store } from '../store/index.ts';
import { type Authority, BadRequest, type Peer, requestedKey, trustedRoots } from '../trust/index.ts';
import { JoinRefused, nodeOf, peerBehind } from './identity.ts';
import { checkProtocol, join } from './join.ts';

/** Each costs about 10 ms of the manager's one thread: all of these are answered well before their agents give up. */
const mostRenewing = 32;

/** A renewal that is put off: the agent has a certificate, and tries again. */
class Busy extends Error {}

type IssueCall = ServerUnaryCall<IssueRequest, IssueReply>;

export interface CertificatesOptions {
  readonly store: Store;
  readonly cluster: () => Cluster;
  readonly authority: Authority;
  readonly ids: Ids;
  readonly onJoined: (node: Node) => void;
  /** Resolves when the manager itself trusts what it signs with. */
  readonly ready: () => Promise<void>;
  readonly log: Logger;
}

/** The service for hosts that want a certificate: their first one, or the next. */
export class Certificates {
  readonly #options: CertificatesOptions;
  /** Nodes that renew at this moment. */
  readonly #renewing = new Set<string>();

  constructor(options: CertificatesOptions) {
    this.#options = options;
  }

  readonly roots: handleUnaryCall<RootsRequest, RootsReply> = (_, answer) =>
    answer(null, { roots: this.#roots() });

  readonly issue: handleUnaryCall<IssueRequest, IssueReply> = (call, answer) => {
    this.#issue(call).then(
      (reply) => answer(null, reply),
      (error: unknown) => {
        if (error instanceof JoinRefused || error instanceof BadRequest)
          return answer({ code: status.UNAUTHENTICATED, details: error.message });
        if (error instanceof NotLeadingError || error instanceof NotWrittenError || error instanceof Busy)
          return answer({ code: status.UNAVAILABLE, details: error.message });
        this.#options.log.error({ err: error }, 'no certificate could be issued');
        answer({ code: status.INTERNAL, details: 'the manager could not issue a certificate' });
      },
    );
  };

  async #issue(call: IssueCall): Promise<IssueReply> {
    const peer = peerBehind(call, this.#options.cluster(), Date.now());
    if (!peer) {
      this.#checkToken(call.request.joinToken);
      return this.#certified(undefined, call);
    }
    if (this.#renewing.has(peer.id)) throw new Busy('this node is being given a certificate already');
    if (this.#renewing.size >= mostRenewing)
      throw new Busy('too many nodes renew their certificates at once: try again in a minute');
    this.#renewing.add(peer.id);
    try {
      return await this.#certified(peer, call);
    } finally {
      this.#renewing.delete(peer.id);
    }
  }

  async #certified(peer: Peer | undefined, call: IssueCall): Promise<IssueReply> {
    const { request } = call;
    const { store, cluster, authority, onJoined, ready } = this.#options;
    const key = await requestedKey(request.request);
    // Who has given up asks anew: all else would be done for nobody.
    if (call.cancelled) throw new JoinRefused('the host waits no more');
    const node = peer ? await this.#renewal(peer, key.hash) : await this.#joined(request, key.hash);
    await ready();
    const certificate = await authority.certify(cluster(), key, { id: node.ID, role: 'worker' });
    // Removed meanwhile.
    if (!store.view.nodes.get(node.ID)) throw new JoinRefused(`node ${node.ID} was removed from the cluster`);
    if (!peer) onJoined(node);
    return { certificate, roots: this.#roots() };
  }

  #checkToken(token: string): void {
    const { cluster, authority } = this.#options;
    const role = authority.roleOf(cluster().trust, token);
    if (!role) throw new JoinRefused('the join token is not valid for this cluster');
    if (role === 'manager')
      throw new JoinRefused(
        'this is the join token of managers, of which there can be only one yet: join with that of workers',
      );
  }

  #joined({ protocol, facts }: IssueRequest, keyHash: string): Promise<Node> {
    checkProtocol(protocol);
    if (!facts) throw new JoinRefused('the request lacks the facts about the node');
    // Only sessions are looked at for where they come from.
    const believed = { ...facts, runsManager: false };
    const { store, cluster, ids } = this.#options;
    return store.update(
      (tx) => join(tx, { protocol, facts: believed }, keyHash, cluster().trust.root.digest, ids),
      'agents',
    );
  }

  /** Its node goes by the new key from now on. */
  #renewal(peer: Peer, keyHash: string): Promise<Node> {
    return this.#options.store.update((tx) => {
      const node = nodeOf(tx, peer);
      return tx.nodes.update({ ...node, allotted: { ...node.allotted, keyHash } });
    }, 'agents');
  }

  #roots(): string {
    return trustedRoots(this.#options.cluster().trust).join('');
  }
}
