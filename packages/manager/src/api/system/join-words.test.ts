import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, expect, it } from 'vitest';
import { aNode } from '../../testing.ts';
import { anApi, anApp, joinToken, served } from '../testing.ts';

const { store } = await anApi((tx) => {
  tx.nodes.create(aNode('n1', { reported: { runsManager: true } }));
  tx.nodes.create(aNode('n2'));
});
const { url, close } = await served(await anApp(store));
const port = Number(URL.parse(url)?.port);
afterAll(close);

/** What one command is answered that asks these paths one after the other, on one connection. */
async function command(client: string, ...paths: string[]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let answer = '';
  for (const path of paths) {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    request({ host: '127.0.0.1', port, path, agent, headers: { 'user-agent': client } }, (response) =>
      text(response).then(resolve, reject),
    )
      .on('error', reject)
      .end();
    answer = await promise;
  }
  agent.destroy();
  return JSON.parse(answer).ManagerStatus?.Addr as string | undefined;
}

const docker = 'Docker-Client/28.2.2 (linux)';

it('docker swarm join-token is told what to run on the new host', async () => {
  const printed = await command(docker, '/_ping', '/swarm', '/info', '/nodes/n1');
  expect(printed).toMatch(/^10\.0\.0\.9:2477\n\nThat is for swarms of Docker itself/);
  expect(printed).toContain(`\n    shoal join --token ${joinToken} 10.0.0.9:2477`);
});

it.each([
  ['docker node inspect', docker, ['/_ping', '/info', '/nodes/n1']],
  ['a library', 'docker-sdk-python/7.1.0', ['/swarm', '/info', '/nodes/n1']],
])('%s gets the mere address', async (_, client, paths) => {
  expect(await command(client, ...paths)).toBe('10.0.0.9:2477');
});

it('a worker has none', async () => {
  expect(await command(docker, '/swarm', '/nodes/n2')).toBeUndefined();
});
