import { expect, it } from 'vitest';
import { peersOf } from './doctor.ts';
import { sumTraffic } from './traffic.ts';

it('sums the services of all hosts, and names who said nothing', () => {
  const counted = (serviceId: string, connections: number) => ({
    serviceId,
    connections,
    bytes: 100 * connections,
  });
  const { services, unanswered } = sumTraffic(
    [
      { nodeId: 'n1', value: [counted('web', 2), counted('db', 0)] },
      { nodeId: 'n2', value: [counted('web', 3)] },
      { nodeId: 'n3', why: 'it is away' },
    ],
    (id) => `host of ${id}`,
  );
  expect(unanswered).toEqual([{ node: 'n3', hostname: 'host of n3', why: 'it is away' }]);
  expect(services.get('db')).toEqual({ connections: 0, bytes: 0, nodes: [] });
  expect(services.get('web')).toEqual({
    connections: 5,
    bytes: 500,
    nodes: [
      { node: 'n1', hostname: 'host of n1', connections: 2, bytes: 200 },
      { node: 'n2', hostname: 'host of n2', connections: 3, bytes: 300 },
    ],
  });
});

it('in a large cluster every host checks some others, and is checked by as many', () => {
  const ids = Array.from({ length: 200 }, (_, index) => `n${index}`);
  const all = ids.flatMap((id) => peersOf(id, ids));
  expect(all).toHaveLength(200 * 64);
  expect(all.filter((id) => id === 'n7')).toHaveLength(64);
  expect(peersOf('b', ['a', 'b', 'c'])).toEqual(['c', 'a']);
});
