import { once } from 'node:events';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type MethodDefinition,
  Server,
  type ServerCredentials,
  type ServerReadableStream,
} from '@grpc/grpc-js';

/** What a stream of gRPC moves when nothing is done with its messages. */
export interface Moved {
  readonly bytes: number;
  readonly seconds: number;
}

/** To a server that counts. */
export interface Way {
  readonly port: number;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

const asIs = (bytes: Buffer): Buffer => bytes;
const upload = {
  path: '/bench.Bare/Upload',
  requestStream: true,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
} as const satisfies MethodDefinition<Buffer, Buffer>;

/** Resolves with the port of a server that counts what it is sent. */
export function serveBare(credentials: ServerCredentials): Promise<number> {
  const server = new Server();
  server.addService(
    { upload },
    {
      upload: (call: ServerReadableStream<Buffer, Buffer>, done: (error: null, answer: Buffer) => void) => {
        let [bytes, from] = [0, Number.NaN];
        call.on('data', (message: Buffer) => {
          if (bytes === 0) from = performance.now();
          bytes += message.length;
        });
        call.on('end', () => {
          const moved: Moved = { bytes, seconds: (performance.now() - from) / 1_000 };
          done(null, Buffer.from(JSON.stringify(moved)));
        });
      },
    },
  );
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port))),
  );
}

/** Sends messages of `size` bytes for so long, as fast as they are read. */
export async function uploadBare(
  { port, credentials, options }: Way,
  size: number,
  ms: number,
): Promise<Moved> {
  const client = new Client(`127.0.0.1:${port}`, credentials, options);
  const piece = Buffer.alloc(size);
  let call: ReturnType<typeof client.makeClientStreamRequest<Buffer, Buffer>> | undefined;
  const answer = new Promise<Moved>((resolve, reject) => {
    call = client.makeClientStreamRequest(upload.path, asIs, asIs, (error, value) =>
      error || !value ? reject(error) : resolve(JSON.parse(String(value)) as Moved),
    );
  });
  const until = performance.now() + ms;
  while (performance.now() < until) if (!call?.write(piece)) await once(call as never, 'drain');
  call?.end();
  return await answer.finally(() => client.close());
}
