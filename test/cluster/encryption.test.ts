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

const [h1, , h3] = cluster.hosts;

/** Everything between h1 and h3 but the talk of manager, agents and daemons; `ask` makes some of it. */
async function captureOnH3(ask: () => Promise<unknown>): Promise<{ end: () => Promise<string> }> {
  // A host that was cut off may have its link under another name since.
  const link = (await h3.sh(`ip -o -4 address show to ${h3.ip} | cut -d' ' -f2`)).trim();
  const filter = `host ${h1.ip} and not port 2480 and not port 2481 and not port 2375`;
  await h3.sh(
    `nohup tcpdump -i ${link} -A -l -s 0 '${filter}' > /tmp/seen 2>/dev/null & echo $! > /tmp/seen.pid`,
  );
  await until(
    'the capture has begun',
    async () => {
      await ask();
      return (await h3.sh('wc -c < /tmp/seen')).trim() !== '0';
    },
    { timeoutMs: 30_000 },
  );
  return {
    end: () => h3.sh('kill "$(cat /tmp/seen.pid)"; cat /tmp/seen; rm /tmp/seen /tmp/seen.pid'),
  };
}

describe('encrypted networks', () => {
  it('carry traffic between hosts that nobody in between can read', async () => {
    await create(
      webSpec('web', { task: { ...on('sealed'), Placement: { Constraints: ['node.hostname==h3'] } } }),
    );
    await running('web', 1);
    const asker = await client('asker', 'h1', 'sealed');
    await until('it answers', () => asker.ask('http://web:8080/?secret=plaintext'), { timeoutMs: 20_000 });
    const capture = await captureOnH3(() => asker.ask('http://web:8080/?secret=plaintext'));
    await asker.ask('http://web:8080/?secret=plaintext', 10);
    const seen = await capture.end();
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
    const capture = await captureOnH3(() => asker.ask('http://web:8080/?secret=plaintext'));
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
    const seen = await capture.end();
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
