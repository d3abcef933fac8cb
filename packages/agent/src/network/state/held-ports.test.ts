import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planTable } from '../nft/desired.ts';
import { merge } from '../nft/table.ts';
import { endpoint, network, service, state } from './builders.fixture.ts';
import { heldPorts, withoutHeldPorts } from './held-ports.ts';
import { ingressName } from './state.ts';
import { anyState } from './states.fixture.ts';

const anyHeld = fc
  .uniqueArray(fc.constantFrom('tcp/8001', 'tcp/8002', 'tcp/8004', 'udp/8001', 'tcp/22'))
  .map((keys) => new Set<string>(keys));
const portsOf = (all: Iterable<{ published: readonly { protocol: string; published: number }[] }>) =>
  [...all].flatMap(({ published }) => published.map((port) => `${port.protocol}/${port.published}`));

it('takes away exactly the ports that are held, and gives them back', () => {
  fc.assert(
    fc.property(anyState, anyHeld, (before, held) => {
      const result = withoutHeldPorts(before, held);
      const expected = portsOf(before.services.values()).filter((key) => !held.has(key));
      expect(portsOf(result.services.values())).toEqual(expected);
      const taken = portsOf(before.services.values()).filter((key) => held.has(key));
      expect(heldPorts(before, held)).toEqual(taken.sort());
      expect(withoutHeldPorts(result, held)).toBe(result);
      expect(withoutHeldPorts(before, new Set())).toBe(before);
    }),
  );
});

it('keeps everything else, and the objects of services that have no such port', () => {
  fc.assert(
    fc.property(anyState, anyHeld, (before, held) => {
      const result = withoutHeldPorts(before, held);
      expect(result).toMatchObject({ self: before.self, peers: before.peers, networks: before.networks });
      for (const [id, now] of result.services) {
        const was = before.services.get(id);
        if (now.published.length === was?.published.length) expect(now).toBe(was);
        else expect({ ...now, published: [] }).toEqual({ ...was, published: [] });
      }
    }),
  );
});

it('no rule is left of a held port, whether its service has endpoints or not', () => {
  const ingress = network(9, { name: ingressName });
  const port = (protocol: 'tcp' | 'udp', published: number) => ({ protocol, published, target: 80 });
  const full = state({
    networks: [ingress],
    services: [
      service('web', {
        endpoints: [endpoint('web', 1, { net9: '10.9.1.10' })],
        published: [port('tcp', 8_001)],
      }),
      service('dns', {
        endpoints: [endpoint('dns', 1, { net9: '10.9.1.11' })],
        published: [port('udp', 53)],
      }),
      service('idle', { published: [port('tcp', 8_002)] }),
    ],
  });
  const keys = (held: string[]) => {
    const { base, services } = planTable(withoutHeldPorts(full, new Set(held)));
    const { sets } = merge([base, ...services.values()]);
    return ['ports', 'idle_ports'].flatMap((name) => [...(sets.get(name)?.keys() ?? [])]).sort();
  };
  expect(keys([])).toEqual(['tcp . 8001', 'tcp . 8002', 'udp . 53']);
  expect(keys(['tcp/53', 'udp/8001'])).toEqual(keys([]));
  expect(keys(['tcp/8001', 'tcp/8002'])).toEqual(['udp . 53']);
  expect(keys(['udp/53'])).toEqual(['tcp . 8001', 'tcp . 8002']);
});
