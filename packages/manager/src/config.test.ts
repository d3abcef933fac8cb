import { expect, it } from 'vitest';
import { portsOf, readConfig } from './config.ts';

it('listens on the ports of its addresses, but for sockets', () => {
  const api = ['http://127.0.0.1:2475', 'unix:///run/shoal/shoal.sock', 'tcp://[::]:80'];
  expect(portsOf({ api, agentListen: '0.0.0.0:2480' }).map(({ port }) => port)).toEqual([2475, 80, 2480]);
});

it('serves the API on the socket alone, unless told otherwise', () => {
  expect(readConfig([])).toMatchObject({ api: ['unix:///run/shoal/shoal.sock'] });
});

const files = ['--tls-cert', 'cert.pem', '--tls-key', 'key.pem'];
it.each([
  ['--api', 'unix:///tmp/a.sock'],
  ['--api', 'http://127.0.0.1:2475'],
  ['--api', 'http://[::1]:2475'],
  ['--api', 'http://localhost:80'],
  ['--api', 'tcp://0.0.0.0:2476'],
  ['--api', 'tcp://0.0.0.0:2476', ...files],
  ['--api', 'tcp://0.0.0.0:2476', '--tls-ca', 'ca.pem', '--tls-san', 'shoal.example'],
  ['--api', 'tcp://shoal.example:2476', ...files, '--tls-ca', 'ca.pem'],
])('takes %s %s', (...args) => {
  expect(readConfig(args)).toMatchObject({ api: [args[1]] });
});

it.each([
  [['--api', 'http://10.0.0.5:2475'], /--api http:\/\/10\.0\.0\.5:2475: in the clear.*loopback alone/],
  [['--api', 'http://0.0.0.0:2475'], /loopback alone/],
  [['--api', 'http://127.0.0.1.example:2475'], /loopback alone/],
  [['--api', 'tcp://127.0.0.1', ...files], /expected unix:\/\/\/PATH, tcp:\/\/HOST:PORT or http/],
  [['--api', 'unix://x/y'], /expected/],
  [['--api', 'tcp://h:99999', ...files], /expected/],
  [['--tls-cert', 'cert.pem'], /belong together/],
  [['--tls-san', 'a b'], /--tls-san a b: expected a DNS name or an IP address/],
  [['--tls-key', 'key.pem', '--tls-ca', 'ca.pem'], /belong together/],
])('refuses %j', (args, message) => {
  expect(() => readConfig(args)).toThrow(message);
});
