import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** Answers that go on for as long as the client listens. They end when the API closes, which does not wait for clients. */
export class Streams {
  readonly #open = new Set<ServerResponse>();

  constructor(app: FastifyInstance) {
    app.addHook('preClose', async () => {
      for (const stream of this.#open) stream.end();
    });
  }

  /** The headers go out at once: a client waits for them. */
  begin(reply: FastifyReply, contentType: string): ServerResponse {
    reply.hijack();
    const stream = reply.raw;
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) stream.setHeader(name, value);
    }
    // Who has gone away is noticed by the end of the stream.
    stream.on('error', () => undefined);
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    stream.writeHead(200, { 'Content-Type': contentType });
    stream.flushHeaders();
    return stream;
  }
}
