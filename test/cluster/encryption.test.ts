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

  it('change their keys: a connection outlives it, and nothing is sent in the clear', async () => {
    await create(
      webSpec('web', { task: { ...on('sealed'), Placement: { Constraints: ['node.hostname==h3'] } } }),
    );
    await running('web', 1);
    const asker = await client('asker', 'h1', 'sealed');
    await until('it answers', () => asker.ask('http://web:8080/'), { timeoutMs: 20_000 });
    const [h1, , h3] = cluster.hosts;
    const capture = `tcpdump -i eth0 -A -l -s 0 'udp and host ${h1.ip}' > /tmp/seen 2>/dev/null`;
    await h3.sh(`nohup ${capture} & echo $! > /tmp/seen.pid`);
    await until(
      'the capture has begun',
      async () => {
        await asker.ask('http://web:8080/?secret=plaintext');
        return (await h3.sh('wc -c < /tmp/seen')).trim() !== '0';
      },
      { timeoutMs: 20_000 },
    );
    const stream = asker.run('node', '-e', oneConnection('http://web:8080/?secret=plaintext'));
    stream.catch(() => {});
    try {
      for (const host of [h3, h1]) {
        const before = await host.sh('wg show sh.wg public-key');
        await host.sh("touch -d '2 days ago' /var/lib/shoal/agent/wireguard.key");
        await until(
          `all hosts know a new key of ${host.name}`,
          async (seen) => {
            const key = (await host.sh('wg show sh.wg public-key')).trim();
            const known = await Promise.all(
              [h1, h3].filter((each) => each !== host).map((each) => each.sh('wg show sh.wg peers')),
            );
            seen({ before, key, known });
            return key !== before.trim() && known.every((peers) => peers.includes(key));
          },
          { timeoutMs: 30_000 },
        );
        await asker.ask('http://web:8080/?secret=plaintext');
      }
    } finally {
      await asker.run('touch', '/tmp/stop');
    }
    const { sockets, answers, longestMs } = JSON.parse(await stream) as Record<string, number>;
    expect(sockets).toBe(1);
    expect(answers).toBeGreaterThan(20);
    // A handshake that is lost is tried again after 5 s: none was.
    expect(longestMs).toBeLessThan(5_000);
    const seen = await h3.sh('kill "$(cat /tmp/seen.pid)"; cat /tmp/seen; rm /tmp/seen /tmp/seen.pid');
    expect(seen.length).toBeGreaterThan(500);
    expect(seen).not.toContain('plaintext');
  });
});

/** Asks again and again over one connection, until /tmp/stop is there; then says how it went. */
const oneConnection = (url: string) => `
  const { Agent, get } = require('node:http');
  const { existsSync } = require('node:fs');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set();
  const ask = () => new Promise((resolve, reject) => {
    const request = get(${JSON.stringify(url)}, { agent }, (answer) => answer.resume().on('end', resolve));
    request.on('socket', (socket) => sockets.add(socket)).on('error', reject);
  });
  (async () => {
    let answers = 0, longestMs = 0;
    while (!existsSync('/tmp/stop')) {
      const from = performance.now();
      await ask();
      answers++;
      longestMs = Math.max(longestMs, performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    console.log(JSON.stringify({ sockets: sockets.size, answers, longestMs }));
    process.exit(0);
  })().catch((error) => { console.error(error); process.exit(1); });
`;
