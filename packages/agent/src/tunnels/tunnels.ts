import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ChannelCredentials } from '@grpc/grpc-js';
import {
  type DaemonRequest,
  mostTunnels,
  type OpenTunnel,
  TunnelBroken,
  TunnelStream,
  TunnelsClient,
} from '@shoal/proto';
import { secureOptions } from '../identity/index.ts';

/** The connection stays for so long after its last tunnel. */
const idleMs = 30_000;

/** The daemon's answer, once its head is there. Rejects with TunnelBroken for what is not allowed. */
export type Daemon = (
  request: DaemonRequest,
  body: Readable,
  signal: AbortSignal,
) => Promise<IncomingMessage>;

export interface TunnelOptions {
  /** HOST:PORT of the manager. */
  readonly manager: () => string;
  /** Asked for when a connection is made. */
  readonly credentials: () => ChannelCredentials;
  readonly daemon: Daemon;
}

/** What the manager asks for goes to the Docker daemon and back, over a connection apart from the session's. */
export class Tunnels {
  readonly #options: TunnelOptions;
  readonly #open = new Map<string, { cancel(): void }>();
  #client: TunnelsClient | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: TunnelOptions) {
    this.#options = options;
  }

  open({ id, request }: OpenTunnel): void {
    if (!request || this.#open.has(id)) return;
    const call = this.#dial().open();
    const stream = new TunnelStream(call);
    const stop = new AbortController();
    this.#open.set(id, { cancel: () => call.cancel() });
    stream.on('error', () => undefined);
    stream.once('close', () => {
      stop.abort();
      this.#open.delete(id);
      if (this.#open.size === 0) this.#idle ??= setTimeout(() => this.#hangUp(), idleMs).unref();
    });
    stream.say({ $case: 'hello', value: { id } });
    if (this.#open.size > mostTunnels)
      stream.destroy(new TunnelBroken(503, 'this host has too many tunnels'));
    else
      this.#pass(request, stream, stop.signal).catch((error) =>
        stream.destroy(error instanceof TunnelBroken ? error : new TunnelBroken(503, messageOf(error))),
      );
  }

  /** The manager gives a tunnel up. */
  close(id: string): void {
    this.#open.get(id)?.cancel();
  }

  /** There is no session any more: nobody waits for what is open. */
  closeAll(): void {
    for (const { cancel } of this.#open.values()) cancel();
    this.#hangUp();
  }

  async #pass(request: DaemonRequest, stream: TunnelStream, signal: AbortSignal): Promise<void> {
    const answer = await this.#options.daemon(request, stream, signal);
    stream.say({ $case: 'head', value: { status: answer.statusCode ?? 0, headers: headersOf(answer) } });
    await pipeline(answer, stream);
  }

  /** Not gRPC's shared connections, or it would be the session's. */
  #dial(): TunnelsClient {
    clearTimeout(this.#idle);
    this.#idle = undefined;
    this.#client ??= new TunnelsClient(this.#options.manager(), this.#options.credentials(), {
      ...secureOptions,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
    });
    return this.#client;
  }

  #hangUp(): void {
    clearTimeout(this.#idle);
    this.#idle = undefined;
    this.#client?.close();
    this.#client = undefined;
  }
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
