import { expect, it } from 'vitest';
import { refuseOtherPages } from './pages.ts';

it.each([
  ['plain', { host: '127.0.0.1:2475' }],
  ['plain', { host: 'localhost' }],
  ['plain', { host: '[::1]:2475', origin: 'http://[::1]:2475' }],
  ['tls', { host: 'shoal.example:2476', origin: 'https://shoal.example:2476' }],
  // The docker command names nothing real where it asks a socket.
  ['socket', { host: 'api.moby.localhost' }],
  ['tls', {}],
] as const)('through %s, %j may ask', (door, headers) => {
  expect(() => refuseOtherPages(door, headers)).not.toThrow();
});

it.each([
  // A page's own name, which leads here since it asked.
  ['plain', { host: 'evil.example:2475', origin: 'http://evil.example:2475' }],
  ['plain', { host: '127.0.0.1.evil.example' }],
  ['plain', { host: 'localhost.evil.example:2475' }],
  ['plain', {}],
  ['plain', { host: '127.0.0.1:2475', origin: 'http://127.0.0.1:8080' }],
  ['tls', { host: 'shoal.example:2476', origin: 'https://evil.example' }],
  ['socket', { host: 'localhost', origin: 'null' }],
] as const)('through %s, %j is refused', (door, headers) => {
  expect(() => refuseOtherPages(door, headers)).toThrow();
});
