import { isDeepStrictEqual } from 'node:util';
import { Endpoint, Network, Peer, Service, Slice } from '@shoal/proto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Assignments } from '../../assignments/assignments.ts';
import { changes, put } from '../../assignments/testing.ts';
import { NetworkStates, Remainders } from './network-states.ts';
import type { NetworkState } from './state.ts';
import { anyState } from './states.fixture.ts';
import { withoutUnfit } from './unfit.ts';

const peer = (nodeId: string, number: number, address = `192.0.2.${number}`) =>
  put('peer', nodeId, Peer.fromPartial({ nodeId, number, address }));
const network = (id: string, mtu = 0) =>
  put('network', id, Network.fromPartial({ id, name: id, number: 1, driver: 'overlay', mtu }));
const slice = (networkId: string, nodeId: string, ...blocks: string[]) =>
  put('slice', `${networkId}/${nodeId}`, Slice.fromPartial({ networkId, nodeId, blocks }));
const service = (id: string, stack = '') => put('service', id, Service.fromPartial({ id, name: id, stack }));
const endpoint = (serviceId: string, slot: string, nodeId: string, silent = false) =>
  put(
    'endpoint',
    `${serviceId}.${slot}`,
    Endpoint.fromPartial({ taskId: `${serviceId}.${slot}`, serviceId, slot, nodeId, silent }),
  );

function aHost() {
  const assignments = new Assignments();
  const states = new NetworkStates();
  return {
    told: (...all: Buffer[]) => {
      assignments.apply(changes({ complete: true }, ...all));
      return states.of(assignments.objects, 'n1');
    },
    /** The same once the host is another node. */
    as: (nodeId: string) => states.of(assignments.objects, nodeId),
  };
}

it('is made of the objects that the manager sent, once this host is among its peers', () => {
  const { told, as } = aHost();
  expect(told(peer('n2', 2))).toBeUndefined();
  const state = told(
    peer('n1', 1),
    peer('n2', 2),
    peer('n3', 3, ''),
    network('shop'),
    put('network', 'own', Network.fromPartial({ id: 'own', driver: 'bridge' })),
    slice('shop', 'n1', '10.1.1.0/26', '10.1.3.0/26'),
    slice('shop', 'n2', '10.1.2.0/26'),
    slice('other', 'n2', '10.2.2.0/26'),
    service('web'),
    endpoint('web', '1', 'n2'),
    endpoint('db', '1', 'n2'),
  );
  expect(state?.self).toMatchObject({ nodeId: 'n1', number: 1 });
  expect([...(state?.peers.keys() ?? [])]).toEqual(['n2']);
  expect([...(state?.networks.keys() ?? [])]).toEqual(['shop']);
  expect(state?.networks.get('shop')).toMatchObject({
    slices: ['10.1.1.0/26', '10.1.3.0/26'],
    peerSlices: [{ nodeId: 'n2', slices: ['10.1.2.0/26'] }],
  });
  expect([...(state?.services.values() ?? [])]).toMatchObject([
    { id: 'web', endpoints: [{ taskId: 'web.1', taskName: 'web.1', nodeId: 'n2' }] },
  ]);
  expect(as('n2')?.networks.get('shop')?.slices).toEqual(['10.1.2.0/26']);
});

it('leads clients to hosts that nobody reaches only where there is no other', () => {
  const { told } = aHost();
  const on = (...silent: string[]) =>
    told(
      peer('n1', 1),
      service('web'),
      ...['n1', 'n2'].map((nodeId, slot) => endpoint('web', `${slot}`, nodeId, silent.includes(nodeId))),
    )
      ?.services.get('web')
      ?.endpoints.map(({ nodeId }) => nodeId);
  expect(on()).toEqual(['n1', 'n2']);
  expect(on('n2')).toEqual(['n1']);
  expect(on('n1', 'n2')).toEqual(['n1', 'n2']);
});

/** Objects in one of two forms each, or none. */
const anyObjects = fc
  .record({
    peers: fc.subarray([peer('n2', 2), peer('n3', 3), peer('n3', 4)]),
    networks: fc.subarray([network('shop'), network('shop', 1_400), network('back')]),
    slices: fc.subarray([slice('shop', 'n1', 'a'), slice('shop', 'n2', 'b'), slice('back', 'n2', 'c')]),
    services: fc.subarray([service('web'), service('web', 'stack'), service('db')]),
    endpoints: fc.subarray([
      endpoint('web', '1', 'n1'),
      endpoint('web', '2', 'n2'),
      endpoint('web', '2', 'n1'),
      endpoint('db', '1', 'n3'),
    ]),
  })
  .map(({ peers, networks, slices, services, endpoints }) => [
    peer('n1', 1),
    ...peers,
    ...networks,
    ...slices,
    ...services,
    ...endpoints,
  ]);

const plain = (state: NetworkState | undefined) => ({
  ...state,
  services: new Map(
    [...(state?.services ?? [])].map(([id, each]) => [
      id,
      { ...each, endpoints: [...each.endpoints].sort((a, b) => (a.taskId < b.taskId ? -1 : 1)) },
    ]),
  ),
  networks: new Map(
    [...(state?.networks ?? [])].map(([id, each]) => [
      id,
      { ...each, peerSlices: [...each.peerSlices].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1)) },
    ]),
  ),
});

it('says the same as one made at once, and keeps every object and map that says the same as before', () => {
  fc.assert(
    fc.property(fc.array(anyObjects, { minLength: 2, maxLength: 5 }), (all) => {
      const host = aHost();
      let before: NetworkState | undefined;
      for (const objects of all) {
        const state = host.told(...objects);
        const fresh = aHost().told(...objects);
        expect(plain(state)).toEqual(plain(fresh));
        for (const kind of ['peers', 'networks', 'services'] as const) {
          const was: ReadonlyMap<string, unknown> = before?.[kind] ?? new Map();
          const is: ReadonlyMap<string, unknown> = state?.[kind] ?? new Map();
          for (const [id, one] of is) expect(one === was.get(id)).toBe(isDeepStrictEqual(one, was.get(id)));
          if (before) expect(was === is).toBe(isDeepStrictEqual(was, is));
        }
        before = state;
      }
    }),
  );
});

it('with less than was told keeps its objects while the same is left out', () => {
  const anyUnfit = fc.subarray(['s1-1', 's1-2', 's2-1', 's3-2', 's4-5']).map((ids) => new Set(ids));
  fc.assert(
    fc.property(anyState, fc.array(anyUnfit, { minLength: 1, maxLength: 4 }), (whole, all) => {
      const remainders = new Remainders();
      for (const unfit of all) {
        const state = remainders.of(whole, withoutUnfit(whole, unfit));
        expect(state).toEqual(withoutUnfit(whole, unfit));
        const again = remainders.of(whole, withoutUnfit(whole, new Set(unfit)));
        expect([again.services === state.services, again.networks === state.networks]).toEqual([true, true]);
        for (const [id, service] of state.services)
          if (service.endpoints.length === whole.services.get(id)?.endpoints.length)
            expect(service).toBe(whole.services.get(id));
      }
    }),
  );
});
