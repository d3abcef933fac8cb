import { expect, test } from 'vitest';
import { parseAddress } from './target.ts';

test.each([
  ['tcp://10.0.0.5:2475', '10.0.0.5', 2475],
  ['tcp://shoal.example', 'shoal.example', 2475],
  ['http://127.0.0.1:80/', '127.0.0.1', 80],
  ['tcp://[::1]:2475', '::1', 2475],
])('%s', (address, host, port) => {
  expect(parseAddress(address)).toEqual({ host, port });
});

test.each([
  '',
  '10.0.0.5:2475',
  'unix:///var/run/docker.sock',
  'ssh://h1',
  'tcp://h1:99999',
  'tcp://h1:2475/x',
])('%s is none', (address) => {
  expect(() => parseAddress(address)).toThrow(/give one as tcp:\/\/HOST:PORT/);
});
