import { expect, it } from 'vitest';
import { strayPorts, strayRoutes } from './clear-way.ts';
import { mainTable, route } from './ip/entries.ts';
import type { Needs } from './needs/needs.ts';

const needs: Needs = {
  addresses: new Map([['10.1.2.9', 'the manager']]),
  subnets: new Map(),
  ports: new Map([['tcp/2480', 'agents at the manager']]),
};

it('finds what an agent before left in the way, and nothing else', () => {
  const sets = new Map([
    [
      'ports',
      new Map([
        ['tcp . 2480', 'goto tcp-2'],
        ['udp . 2480', 'goto udp-2'],
        ['tcp . 80', 'goto tcp-2'],
      ]),
    ],
    ['idle_ports', new Map([['tcp . 81', '']])],
    ['hosts', new Map([['192.0.2.1', '']])],
  ]);
  expect(strayPorts({ sets, chains: new Map() }, needs)).toEqual([
    { kind: 'delete-elements', set: 'ports', elements: new Map([['tcp . 2480', 'goto tcp-2']]) },
  ]);
  const routes = [
    { to: '10.1.2.0/24', device: 'sh.vx', via: '198.18.0.2', table: mainTable },
    { to: '10.1.3.0/24', device: 'sh.vx', via: '198.18.0.2', table: mainTable },
    { to: 'default', device: 'sh.vx', via: '198.18.0.2', table: 1397227522 },
  ].map((parts) => route(parts, 83));
  expect(strayRoutes(routes, needs)).toEqual(['route del 10.1.2.0/24 table 254 proto 83']);
});
