import { Duplex } from 'node:stream';
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import type { TunnelFrame, TunnelHead, TunnelHello } from './gen/shoal/v1/agent.ts';

/** Bytes in one frame; gRPC moves no more a second with larger ones. */
export const largestFrame = 64 * 1024;
/** Tunnels of one agent at a time. Both sides hold to it. */
export const mostTunnels = 256;

/** Why a tunnel broke off; `status` is the HTTP status for whoever waited for it. */
export class TunnelBroken extends Error {
  override readonly name = 'TunnelBroken';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A gRPC stream of frames, of a client or of a server. */
export type FrameCall =
  | ClientDuplexStream<TunnelFrame, TunnelFrame>
  | ServerDuplexStream<TunnelFrame, TunnelFrame>;

export interface TunnelStreamOptions {
  readonly onHello?: (hello: TunnelHello) => void;
  readonly onHead?: (head: TunnelHead) => void;
}

/**
 * One end of a tunnel: raw bytes both ways, each with an end of its own. Reads from the other side only as fast as it
 * is read itself, writes only as fast as the other side reads. Destroyed with an error, it tells the other side why.
 */
export class TunnelStream extends Duplex {
  readonly #frames: FrameCall;
  readonly #options: TunnelStreamOptions;
  #ended = false;

  constructor(frames: FrameCall, options: TunnelStreamOptions = {}) {
    super({ allowHalfOpen: true, highWaterMark: 4 * largestFrame });
    this.#frames = frames;
    this.#options = options;
    frames.on('data', (frame: TunnelFrame) => this.#take(frame));
    frames.on('end', () => this.#cut('the other side of the tunnel went away'));
    frames.on('error', (error: Error) => this.#cut(`the tunnel was cut: ${error.message}`));
    frames.on('cancelled', () => this.#cut('the tunnel was cancelled'));
    frames.on('close', () => this.#cut('the tunnel was closed'));
  }

  /** Sends a frame that is no data. */
  say(body: NonNullable<TunnelFrame['body']>): void {
    if (this.#frames.writable) this.#frames.write({ body });
  }

  #take({ body }: TunnelFrame): void {
    switch (body?.$case) {
      case 'data':
        if (!this.#ended && !this.push(body.value)) this.#frames.pause();
        return;
      case 'end':
        this.#ended = true;
        this.push(null);
        return;
      case 'error':
        this.destroy(new TunnelBroken(body.value.status, body.value.message));
        return;
      case 'hello':
        this.#options.onHello?.(body.value);
        return;
      case 'head':
        this.#options.onHead?.(body.value);
        return;
      default:
    }
  }

  #cut(message: string): void {
    // With both ends said, all that is left is to read what came; then it closes by itself.
    if (this.#ended && this.writableFinished) return;
    this.destroy(new TunnelBroken(503, message));
  }

  override _read(): void {
    this.#frames.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // One frame on its way at a time: more would only live long enough to cost the garbage collector dearly.
    const next = (at: number): void => {
      const value = chunk.subarray(at, at + largestFrame);
      if (value.length === 0) done();
      else if (this.#frames.writable)
        this.#frames.write({ body: { $case: 'data', value } }, (error?: Error | null) => {
          if (!error) next(at + largestFrame);
        });
    };
    next(0);
  }

  override _final(done: () => void): void {
    this.say({ $case: 'end', value: {} });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error) {
      const status = error instanceof TunnelBroken ? error.status : 503;
      this.say({ $case: 'error', value: { status, message: error.message } });
    }
    // What still comes is read and thrown away, so that the stream itself can end.
    this.#frames.resume();
    this.#frames.end();
    done(error);
  }
}
