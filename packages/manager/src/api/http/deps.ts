import type { Duplex, Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { AuditLog } from '../../audit/index.ts';
import type { Clock, Ids } from '../../effects.ts';
import type { Differences } from '../../hold/index.ts';
import type { Ask } from '../../insight/index.ts';
import type { LivenessReport } from '../../liveness/index.ts';
import type { Node, Task } from '../../model/index.ts';
import type { ReadView, Store } from '../../store/index.ts';
import type { Authority, Vault } from '../../trust/index.ts';
import type { Door } from './doors.ts';

export interface DaemonRequest {
  readonly method: string;
  /** Without the version of Docker's API. */
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
}

export interface Tunnel {
  readonly head: { readonly status: number };
  readonly stream: Duplex;
}

/** What the API needs of the rest of the manager. */
export interface ApiDeps {
  /** Where requests came in that came through no listener; such there are in tests alone. */
  readonly through?: Door;
  readonly store: Pick<Store, 'view' | 'update' | 'watch' | 'purge'>;
  /** Never jumps: for what is waited for. */
  readonly clock: Clock;
  /** As the host's clock has it now: for what ends at a time that people or certificates name, and what they read later. */
  readonly timeOfDay: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly audit: Pick<AuditLog, 'append' | 'tail' | 'verify'>;
  readonly authority: Pick<Authority, 'joinToken' | 'newJoinSecret' | 'rotate' | 'userCredentials'>;
  readonly vault: Vault;
  readonly queries: {
    /** Looks an image up in its registry through some ready host. Throws QueryError. */
    distribution(image: string, registryAuth: string): Promise<unknown>;
    /** Asks one host. Throws QueryError, at once when it is not connected. */
    ask: Ask;
    /**
     * Sends a request to one host's Docker daemon. Resolves with the head of its answer; `stream` takes the request's body
     * and gives the answer's, and is to be ended also when there is no body. Throws QueryError.
     */
    tunnel(nodeId: string, request: DaemonRequest, withinMs: number, signal: AbortSignal): Promise<Tunnel>;
  };
  /** Whether a node is heard, and what that is known by. */
  readonly liveness: (node: Node) => LivenessReport;
  /** Why a task is where it is, or why it is nowhere. */
  readonly explain: (view: ReadView, task: Task) => unknown;
  /** All that a manager on another host would need, encrypted. Not to be called before the last one has resolved. */
  readonly backup: (passphrase: string) => Promise<Readable>;
  /** While the manager is on hold: in what the hosts are not as the state says. Undefined when it is not. */
  readonly held: () => Promise<Differences> | undefined;
  readonly about: {
    readonly version: string;
    /** `host:port` on which the manager listens for agents. */
    readonly managerAddr: string;
  };
}
