import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { endpoint, network, peer, service, state } from './builders.fixture.ts';
import { ingressName, type NetworkState } from './state.ts';

/** Any state of host 1: up to four hosts, four networks (9 is the ingress network) and six services. */
export const anyState: fc.Arbitrary<NetworkState> = fc
  .record({
    hosts: fc.integer({ min: 1, max: 4 }),
    networks: fc.uniqueArray(fc.constantFrom(1, 2, 3, 9)),
    internal: fc.boolean(),
    encrypted: fc.boolean(),
    onlyForwards: fc.boolean(),
    services: fc.uniqueArray(
      fc.record({
        number: fc.integer({ min: 1, max: 6 }),
        endpoints: fc.uniqueArray(fc.integer({ min: 1, max: 5 })),
        networks: fc.uniqueArray(fc.constantFrom(1, 2, 3)),
        hashed: fc.boolean(),
        published: fc.boolean(),
      }),
      { selector: ({ number }) => number },
    ),
  })
  .map(({ hosts, networks, internal, encrypted, onlyForwards, services }) =>
    state({
      peers: Array.from({ length: hosts - 1 }, (_, index) => peer(index + 2)),
      networks: networks.map((number) =>
        network(
          number,
          {
            ...(number === 9 ? { name: ingressName } : {}),
            ...(number === 2 ? { internal, encrypted } : {}),
            ...(number === 3 && onlyForwards ? { slices: [] } : {}),
          },
          hosts,
        ),
      ),
      services: services.map((each) =>
        service(`s${each.number}`, {
          balance: each.hashed ? 'source-hash' : 'random',
          attachments: each.networks.map((number) => ({
            networkId: `net${number}`,
            vip: `10.${number}.255.${each.number}`,
            aliases: [],
          })),
          endpoints: each.endpoints.map((slot) => {
            const host = 1 + (slot % hosts);
            const address = (number: number) => `10.${number}.${host}.${10 * each.number + slot}`;
            const addresses = Object.fromEntries(
              [...each.networks, 9].map((number) => [`net${number}`, address(number)]),
            );
            return endpoint(`s${each.number}`, slot, addresses, `node${host}`);
          }),
          published: each.published ? [{ protocol: 'tcp', published: 8_000 + each.number, target: 80 }] : [],
        }),
      ),
    }),
  );

/** The state with the objects of the one before wherever they say the same, as those come that the manager sends. */
export const sharing = (before: NetworkState, state: NetworkState): NetworkState => ({
  self: isDeepStrictEqual(before.self, state.self) ? before.self : state.self,
  peers: shared(before.peers, state.peers),
  networks: shared(before.networks, state.networks),
  services: shared(before.services, state.services),
});

function shared<T>(before: ReadonlyMap<string, T>, now: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const objects = new Map(
    [...now].map(([id, value]) => {
      const known = before.get(id);
      return [id, known && isDeepStrictEqual(known, value) ? known : value];
    }),
  );
  const isSame = objects.size === before.size && [...objects].every(([id, one]) => before.get(id) === one);
  return isSame ? before : objects;
}
