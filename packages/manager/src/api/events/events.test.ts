import { get, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeContainerEvents } from '../../events/index.ts';
import { aNode, aService } from '../../testing.ts';
import { anApi, anApp, aSpec, filters, served, testClock } from '../testing.ts';

const seconds = testClock() / 1_000;
const ofTask = { 'com.docker.swarm.node.id': 'n1', 'com.docker.swarm.task.id': 't1' };

describe('the stream of events', () => {
  let store: Awaited<ReturnType<typeof anApi>>['store'];
  let app: Awaited<ReturnType<typeof anApp>>;
  let url: string;
  let close: () => Promise<void>;
  beforeEach(async () => {
    store = (
      await anApi((tx) => tx.nodes.create(aNode('n1', { reported: { description: { Hostname: 'h1' } } })))
    ).store;
    app = await anApp(store);
    const server = await served(app);
    url = `${server.url}/events`;
    close = server.close;
  });
  afterEach(() => close());

  const opened = (query = '') =>
    new Promise<IncomingMessage>((resolve, reject) => get(url + query, resolve).on('error', reject));
  /** All that the stream says until it ends, shortened: `service create web replicas.new=2`. */
  async function said(stream: IncomingMessage): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of createInterface(stream)) {
      const { Type, Action, Actor, scope, time } = JSON.parse(line);
      expect([scope, time]).toEqual(['swarm', seconds]);
      const { name, ...news } = Actor.Attributes;
      lines.push([Type, Action, name, ...Object.entries(news).map((pair) => pair.join('='))].join(' '));
    }
    return lines;
  }
  /** What happens to a service, a network and a node. */
  async function live(): Promise<void> {
    const Mode = { Replicated: { Replicas: 1 } };
    await store.update((tx) => tx.services.create(aService('s1', { Spec: aSpec({ Mode }) })));
    const change = (Spec: ReturnType<typeof aSpec>, removing = false) =>
      store.update((tx) => {
        const service = tx.services.get('s1');
        if (service) tx.services.update({ ...service, Spec, shoal: { ...service.shoal, removing } });
      });
    const spec = aSpec({ Mode: { Replicated: { Replicas: 2 } } });
    await change(spec);
    // Not news: only Shoal's own notes have changed.
    await change(spec);
    await change(spec, true);
    await store.update((tx) => tx.services.remove('s1'));
    await store.update((tx) =>
      tx.networks.create({ ID: 'x1', Spec: { Name: 'shop' }, shoal: { number: 9, subnets: [] } } as never),
    );
    for (const state of ['down', 'down', 'heard'] as const) {
      await store.update((tx) => {
        const node = tx.nodes.get('n1');
        if (node) tx.nodes.update({ ...node, judged: { state } });
      });
    }
  }
  const all = [
    'service create web',
    'service update web replicas.old=1 replicas.new=2',
    'service remove web',
    'network create shop',
    'node update h1 state.old=ready state.new=down',
    'node update h1 state.old=down state.new=ready',
  ];

  it('tells of services, networks and nodes until the API closes, which does not wait for it', async () => {
    const stream = await opened();
    expect(stream.headers).toMatchObject({ 'content-type': 'application/json', 'api-version': '1.50' });
    const lines = said(stream);
    await live();
    await app.close();
    expect(await lines).toEqual(all);
  });

  it.each([
    [{ type: ['node'], event: ['update'] }, all.slice(4)],
    [{ service: ['we'] }, all.slice(0, 3)],
    [{ network: ['x1'] }, all.slice(3, 4)],
    [{ type: ['container'] }, []],
    [{ label: ['name=web'], event: ['remove'] }, ['service remove web']],
  ])('tells of those that are asked for: %j', async (wanted, expected) => {
    const lines = said(await opened(`?${filters(wanted)}`));
    await live();
    await app.close();
    expect(await lines).toEqual(expected);
  });

  it('tells what has been, and ends when the time asked for has come', async () => {
    await live();
    expect(await said(await opened(`?since=${seconds - 1}&until=${seconds + 0.001}`))).toEqual([
      'network create ingress',
      'node create h1',
      ...all,
    ]);
    expect(await said(await opened(`?since=${seconds - 1}&until=${seconds - 0.5}`))).toEqual([]);
    expect(await said(await opened(`?until=${seconds}`))).toEqual([]);
    expect(await said(await opened(`?since=${seconds + 0.01}&until=${seconds + 0.02}`))).toEqual([]);
    // What comes after the fifth, by its time.
    expect(await said(await opened(`?since=${seconds}.000004001&until=${seconds + 0.001}`))).toEqual(
      all.slice(3),
    );
  });

  it('refuses times that are none, or the wrong way round, and unknown filters', async () => {
    const wrong = [
      '?since=soon',
      '?since=-1',
      '?until=1e9',
      `?since=${seconds}&until=${seconds - 1}`,
      `?${filters({ nope: ['x'] })}`,
    ];
    for (const query of wrong) {
      const stream = await opened(query);
      expect(stream.statusCode).toBe(400);
      stream.resume();
    }
  });

  it('cuts off who does not read', async () => {
    const stream = await opened();
    const big = aSpec({ Name: 'b'.repeat(100_000) });
    for (let i = 0; i < 20; i++) {
      await store.update((tx) => {
        for (let n = 0; n < 10; n++) tx.services.create(aService(`s${i}-${n}`, { Spec: big }));
      });
    }
    const error = await new Promise((resolve) => stream.once('error', resolve).resume());
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('tells whoever reads all that has been, however much that is', async () => {
    const big = aSpec({ Name: 'b'.repeat(4_000) });
    await store.update((tx) => {
      for (let n = 0; n < 900; n++) tx.services.create(aService(`s${n}`, { Spec: big }));
    });
    const lines = await said(await opened(`?since=${seconds - 1}&until=${seconds + 0.001}`));
    expect(lines).toHaveLength(902);
    expect(new Set(lines.slice(2))).toEqual(new Set([`service create ${'b'.repeat(4_000)}`]));
    // What comes while it still reads is told behind that.
    const stream = await opened(`?since=${seconds - 1}`);
    for (const id of ['next', 'last'])
      await store.update((tx) => tx.services.create(aService(id, { Spec: aSpec({ Name: id }) })));
    const heard: string[] = [];
    for await (const line of createInterface(stream)) {
      heard.push(JSON.parse(line).Actor.Attributes.name);
      if (heard.at(-1) === 'last') break;
    }
    expect(heard).toHaveLength(904);
    expect(heard.slice(-2)).toEqual(['next', 'last']);
  });

  it('cuts off who reads so slowly that what has been is not kept any more', async () => {
    const fill = (round: number) =>
      store.update((tx) => {
        for (let n = 0; n < 500; n++)
          tx.services.create(aService(`s${round}-${n}`, { Spec: aSpec({ Name: 'b'.repeat(20_000) }) }));
      });
    await fill(0);
    const stream = await opened(`?since=${seconds - 1}`);
    for (let round = 1; round < 5; round++) await fill(round);
    const error = await new Promise((resolve) => stream.once('error', resolve).resume());
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('writes what happens to containers as the daemons do, each number to its last digit', async () => {
    await store.update((tx) => {
      const node = tx.nodes.get('n1');
      const attributes = { ...ofTask, image: 'registry:5000/shop/web:1@sha256:abc', name: 'web.1.t1' };
      const event = { atUs: testClock() * 1_000 + 7, action: 'start', containerId: 'c1', attributes };
      if (node) takeContainerEvents(tx, node, { events: [event], dropped: 0 }, testClock() + 1);
    });
    const texts = async (wanted: Readonly<Record<string, readonly string[]>>) =>
      text(await opened(`?since=${seconds}.000006&until=${seconds + 0.001}&${filters(wanted)}`));
    const line = `{"status":"start","id":"c1","from":"registry:5000/shop/web:1@sha256:abc","Type":"container","Action":"start",\
"Actor":{"ID":"c1","Attributes":{"com.docker.swarm.node.id":"n1","com.docker.swarm.task.id":"t1",\
"image":"registry:5000/shop/web:1@sha256:abc","name":"web.1.t1"}},"scope":"local","time":${seconds},"timeNano":${seconds}000007000}\n`;
    const found = [
      { container: ['web.1'], type: ['container'], event: ['start', 'die'] },
      { image: ['registry:5000/shop/web'], scope: ['local'] },
      { node: ['h1'] },
      { node: ['n1'], label: ['com.docker.swarm.task.id=t1', 'name'] },
    ];
    for (const wanted of found) expect(await texts(wanted)).toBe(line);
    const others = [{ container: ['api'] }, { image: ['web'] }, { node: ['h2'] }, { scope: ['swarm'] }];
    for (const wanted of others) expect(await texts(wanted)).toBe('');
  });
});
