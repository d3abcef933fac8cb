import { expect, it } from 'vitest';
import { managerAddress } from './manager-address.ts';

it.each([
  ['0.0.0.0:2480', '192.0.2.1', '192.0.2.1:2480'],
  ['[::]:2480', '192.0.2.1', '192.0.2.1:2480'],
  ['0.0.0.0:2480', '2001:db8::1', '[2001:db8::1]:2480'],
  // Only there, whatever the host is called.
  ['127.0.0.1:2480', '192.0.2.1', '127.0.0.1:2480'],
  ['manager.example:2480', '192.0.2.1', 'manager.example:2480'],
  ['0.0.0.0:2480', undefined, '0.0.0.0:2480'],
  ['0.0.0.0:2480', '', '0.0.0.0:2480'],
])('of a manager that listens on %s of host %s', (listen, host, address) => {
  expect(managerAddress(listen, host)).toBe(address);
});
