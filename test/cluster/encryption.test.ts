import { until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { client, network, on, removeNetworks } from './askers.ts';
import { cluster, create, removeServices, running, webSpec } from './shared.ts';

beforeAll(() => network('sealed', { Options: { encrypted: '' } }));
afterAll(async () => {
  await removeServices();
  await removeNetworks();
});
afterEach(() => removeServices());

describe('encrypted networks', () => {
  it('carry traffic between hosts that nobody in between can read', async () => {
    await create(
      webSpec('web', { task: { ...on('sealed'), Placement: { Constraints: ['node.hostname==h3'] } } }),
    );
    await running('web', 1);
    const asker = await client('asker', 'h1', 'sealed');
    await until('it answers', () => asker.ask('http://web:8080/?secret=plaintext'), { timeoutMs: 20_000 });
    const capture = cluster
      .host('h3')
      .sh('timeout 4 tcpdump -i eth0 -A -s 0 not port 2480 and not port 2375 2>/dev/null || true', {
        timeoutMs: 20_000,
      });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await asker.ask('http://web:8080/?secret=plaintext', 10);
    const seen = await capture;
    expect(seen.length).toBeGreaterThan(500);
    expect(seen).not.toContain('plaintext');
  });
});
