import { mostTunnels, TunnelStream, TunnelsClient } from '@shoal/proto';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { aNode } from '../testing.ts';
import { aManager, anAgent, certificateOf, channelOptions, nodeId, showing } from './testing.ts';

const request = { method: 'GET', path: '/containers/c/logs', headers: {} };
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function connected() {
  const { agents, store, port } = await aManager();
  await store.update((tx) => tx.nodes.create(aNode('other')));
  const agent = anAgent(port);
  agent.hello();
  await eventually(() => expect(agent.sets()).toHaveLength(1));
  const client = (credentials: ReturnType<typeof showing>) => {
    const made = new TunnelsClient(`127.0.0.1:${port}`, credentials, channelOptions);
    closers.push(() => made.close());
    return made;
  };
  const own = client(showing(await certificateOf(nodeId)));
  const stop = new AbortController();
  let asks = 0;
  const ask = (withinMs = 5_000) => {
    asks += 1;
    return agents.tunnel(nodeId, request, withinMs, stop.signal);
  };
  const asked = () => agent.received.flatMap((body) => (body.$case === 'openTunnel' ? [body.value] : []));
  const closed = () =>
    agent.received.flatMap((body) => (body.$case === 'closeTunnel' ? [body.value.id] : []));
  const open = async (from = own, id?: string) => {
    await eventually(() => expect(asked()).toHaveLength(asks));
    const stream = new TunnelStream(from.open());
    stream.on('error', () => undefined);
    stream.say({ $case: 'hello', value: { id: id ?? asked().at(-1)?.id ?? '' } });
    return stream;
  };
  return { agent, agents, ask, asked, client, closed, open, own, stop };
}

it('is asked for on the session, opened by the agent, and carries both bodies', async () => {
  const { ask, asked, open } = await connected();
  const answer = ask();
  const stream = await open();
  stream.say({ $case: 'head', value: { status: 200, headers: { a: 'b' } } });
  stream.end('answer');
  const tunnel = await answer;
  expect(asked()[0]?.request).toEqual(request);
  expect(tunnel.head).toEqual({ status: 200, headers: { a: 'b' } });
  tunnel.stream.end('request');
  const texts = await Promise.all([tunnel.stream.toArray(), stream.toArray()]);
  expect(texts.map((chunks) => Buffer.concat(chunks).toString())).toEqual(['answer', 'request']);
});

it('is refused to who was not asked, whatever it knows, and to strangers', async () => {
  const { ask, client, open, own } = await connected();
  const answer = ask(300).catch((error) => error);
  const other = client(showing(await certificateOf('other')));
  for (const stream of [await open(own, 'guessed'), await open(other)])
    await eventually(() => expect(stream.errored).toMatchObject({ status: 404 }));
  const removed = client(showing(await certificateOf('removed')));
  for (const from of [removed, client(showing())]) {
    const stream = await open(from);
    await eventually(() => expect(stream.errored?.message).toMatch(/was removed|showed no certificate/));
  }
  expect(await answer).toMatchObject({ status: 504 });
});

it('says what the agent says when it can not', async () => {
  const { ask, open } = await connected();
  const answer = ask();
  const stream = await open();
  stream.say({ $case: 'error', value: { status: 403, message: 'not allowed' } });
  await expect(answer).rejects.toMatchObject({ status: 403, message: 'not allowed' });
});

it('is given up when the agent does not open it in time, and it is told so', async () => {
  const { ask, asked, closed } = await connected();
  await expect(ask(50)).rejects.toMatchObject({ status: 504, message: /within 0.05 s/ });
  await eventually(() => expect(closed()).toEqual(asked().map(({ id }) => id)));
});

it('ends when nobody waits for it any more, when its reader leaves, and with the session', async () => {
  const { agent, ask, closed, open, stop } = await connected();
  const begin = async () => {
    const answer = ask();
    const stream = await open();
    stream.say({ $case: 'head', value: { status: 200, headers: {} } });
    return answer;
  };
  const first = await begin();
  first.stream.destroy();
  await eventually(() => expect(closed()).toHaveLength(1));
  const second = await begin();
  agent.end();
  await eventually(() => expect(second.stream.errored).toMatchObject({ message: 'the node went away' }));
  stop.abort();
  await expect(ask()).rejects.toMatchObject({ status: 503 });
});

it('does not outnumber what a node may have, and makes room again', async () => {
  const { ask, stop } = await connected();
  const answers = Array.from({ length: mostTunnels }, () => ask().catch((error) => error.status));
  await expect(ask()).rejects.toMatchObject({ status: 503, message: /as many as it may/ });
  stop.abort();
  expect(new Set(await Promise.all(answers))).toEqual(new Set([503]));
});
