import { randomBytes } from 'node:crypto';
import {
  type DaemonRequest,
  type FrameCall,
  mostTunnels,
  TunnelBroken,
  type TunnelHead,
  TunnelStream,
} from '@shoal/proto';
import { QueryError } from '../query-error.ts';
import type { Session } from './session.ts';

/** A stream that does not say which tunnel it is within this time is cut off. */
const greetingMs = 10_000;

/** A request to a host's Docker daemon: the daemon's head has come, the bodies of both follow. */
export interface Tunnel {
  readonly head: TunnelHead;
  /** To write: the request's body; to be ended also when there is none. To read: the answer's. */
  readonly stream: TunnelStream;
}

interface Asked {
  readonly nodeId: string;
  /** The agent has opened its stream. */
  readonly taken: (stream: TunnelStream) => void;
  readonly answered: (tunnel: Tunnel) => void;
}

/** The tunnels of all agents. */
export class Tunnels {
  /** Those that no stream has come for. */
  readonly #asked = new Map<string, Asked>();
  readonly #open = new Map<Session, number>();

  /**
   * Resolves when the daemon's head has come, whatever its status. Rejects with a QueryError: 503 when there can't be a
   * tunnel, 504 when that takes longer than `withinMs`, else what the agent says. It ends with the session, and when the
   * signal fires.
   */
  open(session: Session, request: DaemonRequest, withinMs: number, signal: AbortSignal): Promise<Tunnel> {
    const before = this.#open.get(session) ?? 0;
    if (before >= mostTunnels)
      return Promise.reject(new QueryError(503, `the node has ${before} tunnels, as many as it may`));
    if (session.ended.aborted || signal.aborted)
      return Promise.reject(new QueryError(503, 'it ended before'));
    this.#open.set(session, before + 1);
    const id = randomBytes(16).toString('base64url');
    return new Promise((resolve, reject) => {
      let stream: TunnelStream | undefined;
      let over = false;
      const end = (error: QueryError) => {
        if (over) return;
        over = true;
        clearTimeout(timer);
        session.ended.removeEventListener('abort', gone);
        signal.removeEventListener('abort', left);
        this.#asked.delete(id);
        this.#release(session);
        const whole = stream?.readableEnded && stream.writableFinished;
        // Said on the session, as the tunnel may be full.
        if (!whole && !session.ended.aborted) session.send({ $case: 'closeTunnel', value: { id } });
        stream?.destroy(error);
        reject(error);
      };
      const gone = () => end(new QueryError(503, 'the node went away'));
      const left = () => end(new QueryError(503, 'nobody waits for the answer'));
      const late = () => end(new QueryError(504, `the node did not answer within ${withinMs / 1000} s`));
      const timer = setTimeout(late, withinMs);
      session.ended.addEventListener('abort', gone, { once: true });
      signal.addEventListener('abort', left, { once: true });
      this.#asked.set(id, {
        nodeId: session.nodeId,
        taken: (opened) => {
          stream = opened;
          this.#asked.delete(id);
          opened.once('close', () => end(asQueryError(opened.errored)));
        },
        answered: (tunnel) => {
          clearTimeout(timer);
          resolve(tunnel);
        },
      });
      session.send({ $case: 'openTunnel', value: { id, request } });
    });
  }

  /** A stream that the agent of this node opens. */
  serve(call: FrameCall, nodeId: string): void {
    let asked: Asked | undefined;
    const stream = new TunnelStream(call, {
      onHello: (hello) => {
        if (asked) return;
        asked = this.#asked.get(hello.id);
        clearTimeout(greeting);
        if (asked?.nodeId === nodeId) asked.taken(stream);
        else stream.destroy(new TunnelBroken(404, 'nobody waits for this tunnel'));
      },
      onHead: (head) => asked?.answered({ head, stream }),
    });
    const greeting = setTimeout(() => stream.destroy(new TunnelBroken(504, 'no greeting came')), greetingMs);
    stream.once('close', () => clearTimeout(greeting));
    // Whoever reads it hears of it as well; before that, its end says it.
    stream.on('error', () => undefined);
  }

  #release(session: Session): void {
    const left = (this.#open.get(session) ?? 1) - 1;
    if (left > 0) this.#open.set(session, left);
    else this.#open.delete(session);
  }
}

const asQueryError = (error: Error | null): QueryError =>
  new QueryError(
    error instanceof TunnelBroken ? error.status : 503,
    error?.message ?? 'the node closed the tunnel',
  );
