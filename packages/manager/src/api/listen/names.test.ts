import { expect, it } from 'vitest';
import { apiNames, isName } from './names.ts';

it('are those of the host, but for addresses that hold on one link alone, and what is given', () => {
  const interfaces = {
    lo: [{ address: '127.0.0.1', internal: true }],
    eth0: [
      { address: '10.0.0.9', internal: false },
      { address: 'fe80::1', internal: false },
      { address: '169.254.1.1', internal: false },
      { address: 'fd00::9', internal: false },
    ],
  };
  expect(apiNames('host with spaces', interfaces, ['shoal.example', '10.0.0.9'])).toEqual([
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
    { type: 'ip', value: '10.0.0.9' },
    { type: 'ip', value: 'fd00::9' },
    { type: 'dns', value: 'shoal.example' },
  ]);
});

it.each(['h1', 'a.b-c.example', '*.example', '10.0.0.1', 'fd00::1', 'my_host'])('%s is one', (name) => {
  expect(isName(name)).toBe(true);
});

it.each(['', 'a b', '-a', 'a..b', 'a,IP:1.2.3.4', 'a\nb', `${'a'.repeat(254)}`])('%j is none', (name) => {
  expect(isName(name)).toBe(false);
});
