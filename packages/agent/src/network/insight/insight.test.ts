import { describe, expect, it } from 'vitest';
import { network, peer, state } from '../builders.fixture.ts';
import { parseQuery } from '../dns/query.ts';
import { parseEchoSources } from './heard.ts';
import { question } from './own-names.ts';
import { tunnelsTo } from './ways.ts';

it('requests of one probe are told from all others', () => {
  const entry = (source: string, id: number) =>
    `icmp     1 29 src=${source} dst=198.18.0.3 type=8 code=0 id=${id} src=198.18.0.3 dst=${source} type=0 code=0 id=${id} mark=0 use=1`;
  const listed = [entry('198.18.0.1', 7), entry('198.18.0.2', 8), entry('198.18.0.4', 7), ''].join('\n');
  expect(parseEchoSources(listed, 7)).toEqual(['198.18.0.1', '198.18.0.4']);
});

it('a question is one that the DNS server understands', () => {
  expect(parseQuery(question('tasks.shop_web'))).toMatchObject({
    kind: 'query',
    query: { name: 'tasks.shop_web', type: 1, class: 1 },
  });
});

describe('ways to a host', () => {
  const ways = (of: ReturnType<typeof network>[], to = peer(2, { key: 'k' })) =>
    tunnelsTo(state({ networks: of }), to).map(({ encrypted, mtuOf }) => [encrypted, mtuOf(1500)]);

  it('are checked with the largest packets of the networks that use them', () => {
    expect(ways([network(1), network(2, { mtu: 1200 })])).toEqual([[false, 1450]]);
    expect(ways([network(1, { mtu: 1200 }), network(2, { encrypted: true })])).toEqual([
      [false, 1200],
      [true, 1440],
    ]);
  });

  it('lead through WireGuard only where both hosts use it', () => {
    const sealed = network(2, {
      encrypted: true,
      peerSlices: [{ nodeId: 'node3', slices: ['10.2.3.0/24'] }],
    });
    expect(ways([network(1), sealed])).toEqual([[false, 1450]]);
    expect(ways([network(1), network(2, { encrypted: true })], peer(2))).toEqual([[false, 1450]]);
  });
});
