import { createSocket } from 'node:dgram';
import { until } from '@shoal/testbed';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { client, network, on, removeNetworks } from './askers.ts';
import { cluster, create, removeServices, running, webSpec } from './shared.ts';

beforeAll(() => network('shop'));
afterEach(() => removeServices());
afterAll(removeNetworks);

it('leads one client always to the same replica when a service wants that', async () => {
  await create(webSpec('web', { replicas: 4, task: on('shop'), Labels: { 'shoal.lb': 'source-hash' } }));
  await running('web', 4);
  const names = new Set<string>();
  for (const host of ['h1', 'h2', 'h3']) {
    const asker = await client(`asker-${host}`, host, 'shop');
    const answers = await asker.ask('http://web:8080/', 20);
    const seen = new Set(answers.map(({ name }) => name));
    expect(seen.size).toBe(1);
    for (const name of seen) names.add(name);
  }
  expect(names.size).toBeGreaterThanOrEqual(1);
});

/** One datagram there and back; undefined when nothing came back within a second. */
function echo(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const done = (answer?: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(done, 1_000);
    socket.on('message', (message) => done(message.toString()));
    socket.on('error', () => done());
    socket.send('hello', port, address);
  });
}

it('publishes UDP on every host, and balances it between services', async () => {
  const server = `const socket = require('dgram').createSocket('udp4').bind(9000);
    socket.on('message', (text, { address, port }) => socket.send(text + ' ' + address + ' ' + require('os').hostname(), port, address));
    process.on('SIGTERM', () => process.exit());`;
  await create(
    webSpec('udp', {
      replicas: 2,
      container: { Command: ['node', '-e', server] },
      task: on('shop'),
      EndpointSpec: { Ports: [{ TargetPort: 9000, PublishedPort: 19000, Protocol: 'udp' }] },
    }),
  );
  await running('udp', 2);
  for (const { name, ip } of cluster.hosts) {
    const answer = await until(`${name} answers`, () => echo(ip, 19000), { timeoutMs: 10_000 });
    // The replica sees the client itself.
    expect(answer).toMatch(new RegExp(`^hello ${cluster.options.net}\\.1 `));
  }
  const asker = await client('asker', 'h1', 'shop');
  const ask = `const dgram = require('dgram'); const seen = new Set(); let left = 20;
    for (let n = 0; n < 20; n++) { const socket = dgram.createSocket('udp4');
      socket.on('message', (text) => { seen.add(String(text).split(' ')[2]); socket.close(); if (--left === 0) console.log(seen.size); });
      socket.send('hello', 9000, 'udp'); }
    setTimeout(() => process.exit(1), 5000).unref();`;
  expect((await asker.run('node', '-e', ask)).trim()).toBe('2');
});
