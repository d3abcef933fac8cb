import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planTable } from '../nft/desired.ts';
import { partsOf } from '../nft/kernel.fixture.ts';
import { merge } from '../nft/table.ts';
import { network, service, state } from '../state/builders.fixture.ts';
import { ingressName } from '../state/state.ts';
import { anyState } from '../state/states.fixture.ts';
import {
  coveredBy,
  type HostFacts,
  leftOut,
  neededPort,
  needsOf,
  resolverPortsOf,
  withoutNeeded,
  withResolver,
} from './needs.ts';

const host: HostFacts = {
  advertiseAddr: '192.0.2.1',
  probePort: 2481,
  managers: ['10.1.2.9'],
  managerPort: 2480,
  runsManager: false,
  resolvers: ['10.2.0.53'],
  gateways: ['192.0.2.254'],
  own: ['127.0.0.1', '192.0.2.1'],
};

describe('what a host needs for itself', () => {
  it('are its ways to the manager, to names and to the world, and the ports that others reach it by', () => {
    const { addresses, ports } = needsOf(host);
    expect(Object.fromEntries(addresses)).toEqual({
      '192.0.2.1': 'this host itself',
      '10.1.2.9': 'the manager',
      '10.2.0.53': 'a resolver of this host',
      '192.0.2.254': 'a gateway of this host',
    });
    expect([...ports.keys()]).toEqual(['tcp/2481', 'udp/4789', 'udp/51823']);
  });

  it("are the manager's port and that of names where this very host answers there", () => {
    const portsOf = (more: Partial<HostFacts>) => [...needsOf({ ...host, ...more }).ports.keys()].slice(3);
    expect(portsOf({ managers: ['192.0.2.1'] })).toEqual(['tcp/2480']);
    expect(portsOf({ managers: ['10.0.0.1', '127.0.0.1'] })).toEqual(['tcp/2480']);
    expect(portsOf({ managers: [], runsManager: true })).toEqual(['tcp/2480']);
    expect(portsOf({ managers: [] })).toEqual([]);
    expect(portsOf({ resolvers: ['127.0.0.53'] })).toEqual(['udp/53', 'tcp/53']);
    expect(portsOf({ resolvers: ['192.0.2.1', '::1'] })).toEqual(['udp/53', 'tcp/53']);
  });

  it("are said with the reason, also for Docker's default bridge: in part or as a whole", () => {
    const bridged = needsOf({ ...host, defaultBridge: '10.4.0.0/16' });
    const why = "network net-4 (10.4.0.0/16) would cover 10.4.0.0/16, Docker's default bridge";
    expect(coveredBy(network(4), bridged)).toBe(why);
    expect(coveredBy(network(4, { subnets: ['10.4.7.0/24'] }), bridged)).toMatch(/Docker's default bridge/);
    expect(
      coveredBy(
        network(4, { subnets: ['10.0.0.0/12'] }),
        needsOf({ ...host, managers: [], resolvers: [], defaultBridge: '10.4.0.0/16' }),
      ),
    ).toMatch(/Docker's default bridge/);
    expect(coveredBy(network(5), bridged)).toBeUndefined();
    expect(leftOut(state({ networks: [network(4), network(5)] }), bridged)).toEqual([why]);
  });

  it('are said with the reason', () => {
    const needs = needsOf(host);
    expect(coveredBy(network(1), needs)).toBe(
      'network net-1 (10.1.0.0/16) would cover 10.1.2.9, the manager',
    );
    expect(coveredBy(network(3), needs)).toBeUndefined();
    expect(neededPort({ protocol: 'tcp', published: 2481 }, needs)).toBe(
      'port 2481/tcp would lead away what this host needs for answers to probes',
    );
    expect(neededPort({ protocol: 'udp', published: 2481 }, needs)).toBeUndefined();
  });
});

describe('of what the manager sent', () => {
  const web = service('web', {
    published: [
      { protocol: 'tcp', published: 2481, target: 80 },
      { protocol: 'tcp', published: 8080, target: 80 },
    ],
  });
  const sent = state({
    networks: [network(1), network(3), network(9, { name: ingressName })],
    services: [web],
  });

  it('what would cut the host off is left out, and said', () => {
    const left = withoutNeeded(sent, needsOf(host));
    expect([...left.networks.keys()]).toEqual(['net3', 'net9']);
    expect(left.services.get('web')?.published.map(({ published }) => published)).toEqual([8080]);
    expect(leftOut(sent, needsOf(host))).toEqual([
      'network net-1 (10.1.0.0/16) would cover 10.1.2.9, the manager',
      'service web: port 2481/tcp would lead away what this host needs for answers to probes',
    ]);
    const { sets } = merge(partsOf(planTable(left)));
    const named = [...sets.values()].flatMap((elements) => [...elements.keys()]);
    expect(named.filter((key) => key.includes('2481') || key.includes('sh.n1'))).toEqual([]);
  });

  it("the port of the host's resolver is left out, and counts as one that something listens on", () => {
    const names = service('names', { published: [{ protocol: 'udp', published: 53, target: 53 }] });
    const local = needsOf({ ...host, resolvers: ['127.0.0.11'] });
    const asked = state({ networks: [], services: [names] });
    expect(withoutNeeded(asked, local).services.get('names')?.published).toEqual([]);
    expect(leftOut(asked, local)).toEqual([]);
    expect(resolverPortsOf(local)).toEqual(['udp/53', 'tcp/53']);
    const seen = { protocol: 'udp', port: 53, process: 'systemd-resolved', pid: 9, serviceId: '' };
    const unseen = { protocol: 'tcp', port: 53, process: "the host's resolver", pid: 0, serviceId: '' };
    expect(withResolver([seen], local)).toEqual([seen, unseen]);
    expect(withResolver([seen], needsOf(host))).toEqual([seen]);
  });

  it('nothing is left where the range of hosts in VXLAN would cover the way', () => {
    const left = withoutNeeded(sent, needsOf({ ...host, gateways: ['198.18.0.1'] }));
    expect([left.networks.size, left.peers.size]).toEqual([0, 0]);
  });

  it('all else stays the same object; and whatever was sent, nothing that is needed is covered or led away', () => {
    fc.assert(
      fc.property(
        anyState,
        fc.record({
          managers: fc.uniqueArray(fc.constantFrom('10.1.2.9', '10.9.0.1', '172.16.0.1'), { minLength: 1 }),
          probePort: fc.constantFrom(2481, 8001, 8002),
        }),
        (any, more) => {
          const needs = needsOf({ ...host, ...more });
          const left = withoutNeeded(any, needs);
          expect(leftOut(left, needs)).toEqual([]);
          if (leftOut(any, needs).length === 0) expect(left).toBe(any);
          for (const [id, each] of left.networks) expect(each).toBe(any.networks.get(id));
        },
      ),
      { numRuns: 200 },
    );
  });
});
