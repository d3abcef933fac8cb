import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { expect, it } from 'vitest';
import { openSockets, parseRange, parseSockets } from './proc-net.ts';

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

it('TCP: what listens, on all addresses or one, and no connection', () => {
  const tcp = `${head}\
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 15004 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 16001 1 0000000000000000 100 0 0 10 0
   2: 0A00000A:0016 0100000A:D2F0 01 00000000:00000000 02:0009C2E0 00000000     0        0 17002 2 0000000000000000 20 4 30 10 -1
   3: 0A00000A:0050 0100000A:D2F1 06 00000000:00000000 03:00000F2E 00000000     0        0 0 3 0000000000000000
`;
  expect(parseSockets('tcp', tcp)).toEqual([
    { transport: 'tcp', port: 22, inode: '15004' },
    { transport: 'tcp', port: 5432, inode: '16001' },
  ]);
});

it('UDP: what is bound, and connected to nobody', () => {
  const udp = `${head}\
  812: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 18003 2 0000000000000000 0
  901: 0A00000A:A1B2 08080808:0035 01 00000000:00000000 00:00000000 00000000   101        0 18004 2 0000000000000000 0
`;
  expect(parseSockets('udp', udp)).toEqual([{ transport: 'udp', port: 53, inode: '18003' }]);
});

it('IPv6, whose sockets answer IPv4 as well', () => {
  const tcp6 = `${head}\
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 19005 1 0000000000000000 100 0 0 10 0
`;
  expect(parseSockets('tcp', tcp6)).toEqual([{ transport: 'tcp', port: 8080, inode: '19005' }]);
  expect(parseSockets('tcp', head)).toEqual([]);
});

it('the range of clients', () => {
  expect(parseRange('32768\t60999\n')).toEqual([32_768, 60_999]);
});

const listening = async (server: Server, host?: string): Promise<number> => {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
};

it('this very kernel lists what listens first, so that connections need not be read', async () => {
  const servers = [createServer(), createServer(), createServer()];
  const [busy = 0, ...others] = await Promise.all(servers.map((server) => listening(server, '127.0.0.1')));
  const six = createServer();
  const dual = await listening(six);
  const udp = createSocket('udp4').bind(0);
  await once(udp, 'listening');
  const client = createSocket('udp4');
  client.connect(udp.address().port, '127.0.0.1');
  await once(client, 'connect');
  const sockets = Array.from({ length: 60 }, () => connect(busy, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const found = await openSockets();
  const ports = (transport: string) =>
    found.flatMap((each) => (each.transport === transport ? [each.port] : []));
  expect(ports('tcp')).toEqual(expect.arrayContaining([busy, ...others, dual]));
  expect(ports('tcp')).not.toContain(sockets[0]?.localPort);
  expect(ports('udp')).toContain(udp.address().port);
  expect(ports('udp')).not.toContain(client.address().port);
  for (const socket of sockets) socket.destroy();
  for (const server of [...servers, six]) server.close();
  udp.close();
  client.close();
});
