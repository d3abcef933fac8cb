import { blockOf, covers } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { network, peer, state } from '../state/builders.fixture.ts';
import { ingressName } from '../state/state.ts';
import { anyState } from '../state/states.fixture.ts';
import { desiredEntries } from './desired.ts';
import { diffEntries, type Entry } from './entries.ts';
import { toRoute, toRule } from './read-entries.ts';

const devices = new Set(['sh.vx', 'sh.vxe', 'sh.wg', 'sh.n1', 'sh.n2', 'sh.n3', 'sh.n9']);
const put = (entries: readonly Entry[]) => entries.map((entry) => entry.put);

describe('addresses, routes and rules', () => {
  it('of a small cluster', () => {
    const one = state({
      peers: [peer(2)],
      networks: [network(9, { name: ingressName, subnets: ['10.9.0.0/21'] }, 2)],
    });
    expect(put(desiredEntries(one, new Set(['sh.vx', 'sh.n9'])))).toMatchInlineSnapshot(`
      [
        "address add 198.18.0.1/32 dev sh.vx",
        "neigh replace 198.18.0.2 lladdr 02:53:48:00:00:02 dev sh.vx nud permanent",
        "fdb replace 02:53:48:00:00:02 dev sh.vx dst 192.0.2.2 self permanent",
        "route replace 198.18.0.2/32 table 254 proto 83 dev sh.vx scope link",
        "route replace 10.9.1.0/24 table 254 proto 83 dev sh.n9 scope link",
        "route replace 10.9.0.0/24 table 254 proto 83 dev sh.vx scope link",
        "route replace 10.9.2.0/23 table 254 proto 83 dev sh.vx scope link",
        "route replace 10.9.4.0/22 table 254 proto 83 dev sh.vx scope link",
        "route replace 10.9.2.0/24 table 254 proto 83 via 198.18.0.2 dev sh.vx onlink",
        "route replace default table 1397227522 proto 83 via 198.18.0.2 dev sh.vx onlink",
        "rule add priority 5200 iif lo goto 5209 protocol 83",
        "rule add priority 5201 fwmark 0/0xffff0000 goto 5209 protocol 83",
        "rule add priority 5202 fwmark 0x53480002 lookup 1397227522 protocol 83",
        "rule add priority 5209 nop protocol 83",
      ]
    `);
  });

  it('lead back to other hosts only where replicas of published ports may be', () => {
    const ways = (slices: string[]) =>
      put(desiredEntries(state({ networks: [network(9, { name: ingressName, slices })] }), devices)).filter(
        (line) => line.startsWith('rule') || line.includes('default'),
      ).length;
    expect(ways([])).toBe(0);
    expect(ways(['10.9.1.0/24'])).toBeGreaterThan(0);
  });

  it('wait for a device that is missing', () => {
    const one = state({ networks: [network(1)] });
    expect(put(desiredEntries(one, new Set(['sh.vx']))).filter((line) => line.includes('sh.n1'))).toEqual([]);
  });

  it('lead every address of a network somewhere, once', () => {
    fc.assert(
      fc.property(anyState, (any) => {
        const routes = desiredEntries(any, devices).filter(
          ({ kind, key }) => kind === 'route' && key.startsWith('254'),
        );
        expect(new Set(routes.map(({ key }) => key)).size).toBe(routes.length);
        for (const { subnets } of any.networks.values()) {
          for (const text of ['10.X.0.0', '10.X.1.255', '10.X.2.1', '10.X.255.255']) {
            const [, second = ''] = (subnets[0] ?? '').split('.');
            const probe = blockOf(text.replace('X', second));
            expect(routes.some(({ key }) => covers(blockOf(key.split(' ')[1] ?? ''), probe))).toBe(true);
          }
        }
      }),
    );
  });

  it('of any state are made of any other, each by one line', () => {
    fc.assert(
      fc.property(anyState, anyState, (before, after) => {
        const from = desiredEntries(before, devices);
        const to = desiredEntries(after, devices);
        const kernel = new Map(from.map((entry) => [entry.remove, entry]));
        const makers = new Map(to.map((entry) => [entry.put, entry]));
        for (const line of diffEntries(from, to).flatMap(({ lines }) => lines)) {
          const made = makers.get(line);
          if (made) kernel.set(made.remove, made);
          else expect(kernel.delete(line)).toBe(true);
        }
        expect(put([...kernel.values()]).sort()).toEqual(put(to).sort());
      }),
    );
  });

  it('are recognised in what the kernel lists', () => {
    const desired = desiredEntries(state({ networks: [network(9, { name: ingressName })] }), devices);
    const listed = [
      toRoute({ dst: 'default', gateway: '198.18.0.2', dev: 'sh.vx', table: '1397227522' }),
      toRoute({ dst: '10.9.1.0/24', dev: 'sh.n9' }),
      toRoute({ dst: '10.9.2.0/24', gateway: '198.18.0.2', dev: 'sh.vx' }),
      toRoute({ dst: '198.18.0.3', dev: 'sh.vx' }),
      toRule({ priority: 5200, iif: 'lo', goto: 5209 }),
      toRule({ priority: 5201, fwmark: '0', fwmask: '0xffff0000', goto: 5209 }),
      toRule({ priority: 5202, fwmark: '0x53480003', table: '1397227523' }),
      toRule({ priority: 5209, nop: null }),
    ];
    for (const entry of listed) expect(desired).toContainEqual(entry);
  });
});
