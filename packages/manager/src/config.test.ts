import { expect, it } from 'vitest';
import { portsOf } from './config.ts';

it('listens on the ports of its addresses, but for sockets', () => {
  const api = ['tcp://127.0.0.1:2475', 'unix:///run/shoal/shoal.sock', 'tcp://[::]:80'];
  expect(portsOf({ api, agentListen: '0.0.0.0:2480' }).map(({ port }) => port)).toEqual([2475, 80, 2480]);
});
