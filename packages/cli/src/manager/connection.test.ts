import { expect, test } from 'vitest';
import { findConnection, refuseInTheClear } from './connection.ts';

const at = (flag: string, env: Record<string, string> = {}) => findConnection({ flag, env });

test.each([
  ['tcp://10.0.0.5:2475', { host: '10.0.0.5', port: 2475 }],
  ['tcp://shoal.example', { host: 'shoal.example', port: 2475 }],
  ['http://127.0.0.1:80/', { host: '127.0.0.1', port: 80 }],
  ['https://shoal.example', { host: 'shoal.example', port: 2476, tls: '' }],
  ['tcp://[::1]:2475', { host: '::1', port: 2475 }],
  ['unix:///run/shoal/shoal.sock', { socketPath: '/run/shoal/shoal.sock' }],
])('%s', (address, connection) => {
  expect(at(address)).toEqual({ address, ...connection });
});

test.each(['10.0.0.5:2475', 'unix://run', 'ssh://h1', 'tcp://h1:99999', 'tcp://h1:2475/x'])(
  '%s is none',
  (address) => {
    expect(() => at(address)).toThrow(/give one as tcp:\/\/HOST:PORT or unix:\/\/\/PATH/);
  },
);

test('TLS is as the docker command has it', () => {
  expect(at('tcp://h1', { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' })).toMatchObject({
    port: 2476,
    tls: '/certs',
  });
  expect(at('tcp://h1:2475', { DOCKER_TLS_VERIFY: '1', HOME: '/root' })).toMatchObject({
    port: 2475,
    tls: '/root/.docker',
  });
  expect(at('tcp://h1', { DOCKER_TLS_VERIFY: '', DOCKER_CERT_PATH: '/certs' })).not.toHaveProperty('tls');
});

test('what is said outright comes first: the flag, DOCKER_HOST, then the socket here, then the context', () => {
  const hints = {
    flag: 'tcp://flag',
    env: { DOCKER_HOST: 'tcp://env' } as Record<string, string>,
    socket: '/run/shoal/shoal.sock',
    context: { host: 'tcp://context:2476', tls: '/tls/docker' },
  };
  expect(findConnection(hints)).toMatchObject({ host: 'flag' });
  expect(findConnection({ ...hints, flag: undefined })).toMatchObject({ host: 'env' });
  expect(findConnection({ ...hints, flag: undefined, env: {} })).toMatchObject({ socketPath: hints.socket });
  expect(findConnection({ env: {}, context: hints.context })).toMatchObject({
    host: 'context',
    tls: '/tls/docker',
  });
  expect(findConnection({ env: {} })).toBeUndefined();
});

test('a token does not go through a network in the clear', () => {
  const with_ = (flag: string, env = {}) => findConnection({ flag, env });
  const refuse = (connection: ReturnType<typeof with_>) => () =>
    connection && refuseInTheClear(connection, 'token');
  expect(refuse(with_('tcp://10.0.0.5:2475'))).toThrow(/in the clear/);
  expect(refuse(with_('tcp://127.0.0.1.example:2475'))).toThrow(/in the clear/);
  for (const address of ['tcp://127.0.0.1:2475', 'tcp://[::1]', 'unix:///a.sock', 'https://h1'])
    expect(refuse(with_(address))).not.toThrow();
  expect(refuse(with_('tcp://10.0.0.5', { DOCKER_TLS_VERIFY: '1' }))).not.toThrow();
});
