import { pino } from 'pino';
import { expect, it } from 'vitest';
import { Repairs, withoutNewDevices } from './repairs.ts';

it('says what was put right, and nothing when nothing was', () => {
  const said: string[] = [];
  const repairs = new Repairs(pino({ base: null }, { write: (line) => void said.push(line) }));
  repairs.note({ table: [], ip: [], docker: [], settings: [] });
  expect(said).toEqual([]);
  repairs.note({ table: ['chain from-1'], ip: [], docker: ['-i sh.+ -j ACCEPT'], settings: [] });
  expect(JSON.parse(said[0] ?? '')).toMatchObject({
    table: ['chain from-1'],
    docker: ['-i sh.+ -j ACCEPT'],
    msg: 'someone changed the data path: repaired it',
  });
  expect(repairs.found).toEqual([
    'firewall rules (table ip shoal)',
    "rules before Docker's (iptables chains DOCKER-USER and raw PREROUTING)",
  ]);
});

it('does not take what comes with a new device for a repair', () => {
  const lines = [
    'route replace 10.1.1.0/24 table 254 proto 83 dev sh.n1 scope link',
    'route replace 10.2.1.0/24 table 254 proto 83 dev sh.n2 scope link',
    'route del 10.3.1.0/24 table 254 proto 83',
  ];
  expect(withoutNewDevices(lines, new Set(['eth0', 'sh.n2']))).toEqual(lines.slice(1));
});
