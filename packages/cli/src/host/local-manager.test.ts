import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { expect, it, onTestFinished } from 'vitest';
import { untilReady } from './local-manager.ts';

const node = (ID: string, Addr: string) => ({
  ID,
  Description: { Hostname: `host of ${ID}` },
  Status: { State: 'ready', Addr },
});

/** A manager whose list of nodes is another one at each request; the last one stays. */
async function aManager(...lists: readonly (readonly object[])[]): Promise<Docker> {
  let asked = 0;
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(lists[Math.min(asked++, lists.length - 1)]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return new Docker({ protocol: 'http', host: '127.0.0.1', port: (server.address() as AddressInfo).port });
}

it('a node that had the address before is not this host, however ready it is said to be', async () => {
  const before = [node('old', '10.0.0.9'), node('another', '10.0.0.8')];
  const docker = await aManager(before, before, [...before, node('new', '10.0.0.9')]);
  expect(await untilReady(docker, '10.0.0.9', 30_000, ['old', 'another'])).toEqual({
    id: 'new',
    name: 'host of new',
  });
});
