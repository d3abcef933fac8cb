import { expect, test } from 'vitest';
import { managerAddress, onlyAddress, sourceIn } from './addresses.ts';
import { missingWords } from './requirements.ts';

test.each([
  ['10.0.0.1', '10.0.0.1', 2480],
  ['m.example:99', 'm.example', 99],
])('%s is a manager', (text, host, port) => expect(managerAddress(text)).toEqual({ host, port }));

test.each(['', 'tcp://10.0.0.1', '10.0.0.1:0', '10.0.0.1:70000', 'a b'])('%j is none', (text) => {
  expect(() => managerAddress(text)).toThrow(/HOST or HOST:PORT/);
});

test('where a packet to the manager comes from', () => {
  expect(sourceIn('[{"dst":"10.0.0.1","dev":"eth0","prefsrc":"10.0.0.7","flags":[]}]')).toBe('10.0.0.7');
  expect(sourceIn('')).toBeUndefined();
});

const link = (address: string, internal = false) => [
  { address, internal, family: 'IPv4' as const, netmask: '', mac: '', cidr: null },
];

test("the host's only address; what belongs to Docker and us is none", () => {
  expect(
    onlyAddress({
      lo: link('127.0.0.1', true),
      eth0: link('10.0.0.7'),
      docker0: link('172.17.0.1'),
      'sh.n4': link('10.1.0.1'),
    }),
  ).toBe('10.0.0.7');
});

test('several are listed, none is said', () => {
  expect(() => onlyAddress({ eth0: link('10.0.0.7'), eth1: link('10.1.0.7') })).toThrow(
    '10.0.0.7 on eth0, 10.1.0.7 on eth1',
  );
  expect(() => onlyAddress({})).toThrow(/no IPv4 address/);
});

test('what is missing, and how to get it', () => {
  expect(missingWords([{ what: 'Docker', packages: ['docker.io'] }])).toMatch(
    /not have: Docker\..*--install-docker.*apt-get install docker\.io/s,
  );
});
