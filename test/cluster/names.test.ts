import { until } from '@shoal/testbed';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Asker, client, network, on, removeNetworks } from './askers.ts';
import { cluster, create, removeServices, running, webSpec } from './shared.ts';

let asker: Asker;
beforeAll(async () => {
  await network('shop');
  await create(webSpec('web', { replicas: 2, task: on('shop') }));
  await running('web', 2);
  asker = await client('asker', 'h1', 'shop');
});
afterAll(async () => {
  await removeServices();
  await removeNetworks();
});

/** What Node's resolver says in a container: the records, or the code of the error. */
async function resolve(type: string, name: string): Promise<unknown> {
  const script = `require('dns').promises.${type}(${JSON.stringify(name)}, { ttl: true })
    .then((all) => console.log(JSON.stringify(all)), ({ code }) => console.log(JSON.stringify(code)));`;
  return JSON.parse(await asker.run('node', '-e', script));
}

/** The number of answers to one question for addresses, over TCP; from whichever server the container has. */
async function answersOverTcp(name: string): Promise<number> {
  const script = `
    const question = Buffer.concat([Buffer.from('123401000001000000000000', 'hex'),
      ...${JSON.stringify(name)}.split('.').map((label) => Buffer.from(String.fromCharCode(label.length) + label)),
      Buffer.from('0000010001', 'hex')]);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(question.length);
    const socket = require('net').connect(53, require('dns').getServers()[0], () => socket.write(Buffer.concat([length, question])));
    socket.once('data', (answer) => { console.log(answer.readUInt16BE(2 + 6)); socket.destroy(); });
    socket.setTimeout(3000, () => process.exit(1));`;
  return Number(await asker.run('node', '-e', script));
}

it('live for seconds; a name without such a record differs from no name', async () => {
  const [service] = (await resolve('resolve4', 'web')) as { address: string; ttl: number }[];
  expect(service?.ttl).toBeLessThanOrEqual(5);
  expect(await resolve('resolve4', 'tasks.web')).toHaveLength(2);
  expect(await resolve('resolve6', 'web')).toBe('ENODATA');
  expect(await resolve('resolveMx', 'tasks.web')).toBe('ENODATA');
  expect(await resolve('resolve4', 'tasks.nothing')).toBe('ENOTFOUND');
  expect(await resolve('resolve4', 'web.3')).toBe('ENOTFOUND');
  expect(await resolve('reverse', service?.address ?? '')).toEqual(['web.shop']);
});

it('are answered over TCP too', async () => {
  expect(await answersOverTcp('tasks.web')).toBe(2);
});

it('that are not the cluster’s go to the resolvers of the host', async () => {
  // The resolver of the testbed's own network knows its containers by their names.
  expect(await resolve('resolve4', `${cluster.options.project}-h2`)).toEqual([
    expect.objectContaining({ address: cluster.host('h2').ip }),
  ]);
});

it('are answered again soon after the address of the server was taken away', async () => {
  await asker.host.sh(
    "for bridge in $(ip -br link | grep -o '^sh[.]n[0-9]*'); do ip address flush dev $bridge; done",
  );
  await until('names are answered', async () => Array.isArray(await resolve('resolve4', 'web')), {
    timeoutMs: 30_000,
  });
});
