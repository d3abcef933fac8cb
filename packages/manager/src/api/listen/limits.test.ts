import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { limitConnections } from './limits.ts';

it('closes the connections of an address beyond its number, and takes new ones when others have ended', async () => {
  const server = createServer();
  limitConnections(server, { inAll: 3, perSource: 2 });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const clients: Socket[] = [];
  /** What the server makes of one more connection. */
  const open = async (localAddress: string): Promise<Socket | 'closed' | 'dropped'> => {
    const outcome = Promise.race([
      once(server, 'connection').then(([socket]) => (socket.destroyed ? 'closed' : socket)),
      once(server, 'drop').then(() => 'dropped' as const),
    ]);
    clients.push(connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined));
    return outcome;
  };
  const first = await open('127.0.0.1');
  expect(await open('127.0.0.1')).toHaveProperty('remotePort');
  expect(await open('127.0.0.1')).toBe('closed');
  expect(await open('127.0.0.2')).toHaveProperty('remotePort');
  expect(await open('127.0.0.3')).toBe('dropped');
  const gone = once(first as Socket, 'close');
  (first as Socket).destroy();
  await gone;
  expect(await open('127.0.0.1')).toHaveProperty('remotePort');
  for (const client of clients) client.destroy();
  server.close();
});
