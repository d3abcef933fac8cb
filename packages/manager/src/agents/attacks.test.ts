import { connect as connectHttp2, type Settings } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import {
  CertificatesClient,
  encodeObserved,
  IssueRequest,
  NodeFacts,
  TunnelStream,
  TunnelsClient,
} from '@shoal/proto';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { aNode, aService } from '../testing.ts';
import { aManager, anAgent, assigned, certificateOf, channelOptions, nodeId, showing } from './testing.ts';

/*
 * What whoever has a node's key and certificate, or none at all, may try with a client of their own. docs/security.md names
 * each attack with its defence.
 */

const other = 'o'.repeat(25);
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Two nodes, both connected; the first one is in the wrong hands. */
async function twoNodes() {
  const manager = await aManager();
  await manager.store.update((tx) => tx.nodes.create(aNode(other, { reported: { address: '10.0.0.2' } })));
  const [attacker, victim] = [
    anAgent(manager.port),
    anAgent(manager.port, showing(await certificateOf(other))),
  ];
  attacker.hello();
  victim.hello({ facts: { hostname: 'h2', address: '10.0.0.2' } });
  await eventually(() => expect(attacker.sets()).toHaveLength(1));
  await eventually(() => expect(victim.sets()).toHaveLength(1));
  return { ...manager, attacker, victim };
}

/** The manager still answers this agent. */
async function lives(agent: ReturnType<typeof anAgent>): Promise<void> {
  const number = Math.floor(Math.random() * 1e9);
  agent.send({ $case: 'beat', value: { number, beatMs: 500 } });
  await eventually(() =>
    expect(agent.received).toContainEqual({ $case: 'beat', value: { number, beatMs: 500 } }),
  );
}

describe('a node in the wrong hands', () => {
  it('reports nothing of other nodes’ tasks, and is told nothing of them', async () => {
    const { store, attacker, victim } = await twoNodes();
    await store.update((tx) => tx.tasks.create(assigned('t1', { NodeID: other })));
    await eventually(() => expect(victim.sets().at(-1)?.put('task')).toHaveLength(1));
    const before = store.view.tasks.get('t1');
    for (const [number, state] of (['running', 'failed', 'complete', 'rejected'] as const).entries())
      attacker.report(number, 't1', state, 'task: broken');
    attacker.send({ $case: 'resync', value: {} });
    await eventually(() => expect(attacker.sets().length).toBeGreaterThan(1));
    expect(store.view.tasks.get('t1')).toBe(before);
    expect(attacker.sets().flatMap((told) => told.put('task'))).toEqual([]);
  });

  it('releases no stop that waits for another host, whatever numbers it claims to have applied', async () => {
    const { store, attacker, victim } = await twoNodes();
    const ports = [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 80, PublishMode: 'ingress' }] as const;
    const running = { Timestamp: '', State: 'running', PortStatus: {} } as const;
    const attachments = [{ networkId: 'net', address: '10.1.2.3' }];
    const shoal = { specVersion: 1, ports: [], networks: ['net'], attachments };
    await store.update((tx) => {
      tx.services.create(aService('db', { shoal: { specVersion: 1, ports } }));
      tx.tasks.create(assigned('t1', { ServiceID: 'db', NodeID: other, Status: running, shoal }));
    });
    await eventually(() => expect(victim.sets().at(-1)?.put('task')).toHaveLength(1));
    await store.update((tx) => {
      const task = tx.tasks.get('t1');
      if (task) tx.tasks.update({ ...task, DesiredState: 'shutdown' });
    });
    for (const number of [0, 1, 2, 3, 2 ** 40, Number.MAX_SAFE_INTEGER, 1, 0])
      attacker.send({ $case: 'applied', value: { number } });
    await lives(attacker);
    await lives(victim);
    const desired = () => victim.sets().flatMap((told) => told.put('task').map((task) => task.desiredState));
    expect(new Set(desired()).size).toBe(1);
  });

  it('answers no question that another host was asked', async () => {
    const { agents, attacker, victim } = await twoNodes();
    const answer = agents.ask(other, { $case: 'networkCounters', value: {} }, 5_000);
    await eventually(() => expect(victim.received.at(-1)?.$case).toBe('query'));
    const result = (json: string) =>
      ({ $case: 'result', value: { id: '1', outcome: { $case: 'json', value: json } } }) as const;
    attacker.send(result('{"said":"forged"}'));
    await lives(attacker);
    victim.send(result('{"said":"true"}'));
    expect(await answer).toEqual({ said: 'true' });
  });

  it('opens no tunnel that it was not asked for, however many it tries', async () => {
    const { port, agents, victim } = await twoNodes();
    const stop = new AbortController();
    const request = { method: 'GET', path: '/containers/c/logs', headers: {} };
    const answer = agents.tunnel(other, request, 5_000, stop.signal).catch((error) => error.status);
    await eventually(() => expect(victim.received.at(-1)?.$case).toBe('openTunnel'));
    const asked = victim.received.at(-1);
    const id = asked?.$case === 'openTunnel' ? asked.value.id : '';
    const client = new TunnelsClient(
      `127.0.0.1:${port}`,
      showing(await certificateOf(nodeId)),
      channelOptions,
    );
    closers.push(() => client.close());
    const streams = Array.from({ length: 100 }, (_, n) => {
      const stream = new TunnelStream(client.open());
      stream.on('error', () => undefined);
      stream.say({ $case: 'hello', value: { id: n === 50 ? id : `guess ${n}` } });
      return stream;
    });
    for (const stream of streams)
      await eventually(() => expect(stream.errored).toMatchObject({ status: 404 }));
    stop.abort();
    expect(await answer).toBe(503);
  });

  it('becomes no other node by greeting again, nor by what it says of itself', async () => {
    const { store, attacker, victim } = await twoNodes();
    const before = store.view.nodes.get(other);
    attacker.hello({ facts: { hostname: 'h2', address: '10.0.0.2' } });
    attacker.send({ $case: 'facts', value: NodeFacts.fromPartial({ hostname: 'h2', trouble: 'broken' }) });
    await lives(attacker);
    expect(store.view.nodes.get(nodeId)?.reported.trouble).toBe('broken');
    expect(store.view.nodes.get(other)).toBe(before);
    await lives(victim);
  });

  it('is cut off for a message that is too large, and others are not', async () => {
    const { attacker, victim } = await twoNodes();
    const status = {
      ...{
        taskId: 't'.repeat(9 * 2 ** 20),
        state: encodeObserved('running'),
        timeMs: 0,
        message: '',
        err: '',
      },
      ...{ ports: [], oomKilled: false, startRefused: false, cutOff: false, limitsRefused: '' },
      ...{ lastLines: '', canaryPassed: false, canaryFailed: false, unhealthy: false },
    };
    attacker.send({ $case: 'statuses', value: { number: 1, statuses: [status] } });
    expect(await attacker.ended).toMatch(/larger than max/i);
    await lives(victim);
  });

  it('says nothing any more on a stream that was replaced', async () => {
    const { store, port, attacker } = await twoNodes();
    const next = anAgent(port);
    next.hello();
    await eventually(() => expect(next.sets()).toHaveLength(1));
    const before = store.view.nodes.get(nodeId);
    attacker.send({ $case: 'facts', value: NodeFacts.fromPartial({ hostname: 'ghost' }) });
    expect(await attacker.ended).toBe('ended');
    await lives(next);
    expect(store.view.nodes.get(nodeId)).toBe(before);
  });
});

describe('somebody without a certificate', () => {
  it('sends no message larger than a request to join', async () => {
    const { port, victim } = await twoNodes();
    const client = new CertificatesClient(`127.0.0.1:${port}`, showing(), channelOptions);
    closers.push(() => client.close());
    const ask = promisify((request: IssueRequest, done: (error: Error | null) => void) =>
      client.issue(request, done),
    );
    const join = (length: number) => ask(IssueRequest.fromPartial({ joinToken: 'x'.repeat(length) }));
    await expect(join(300 * 2 ** 10)).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await expect(join(200 * 2 ** 10)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    await lives(victim);
  });

  it('may have two streams on a connection', async () => {
    const { port, victim } = await twoNodes();
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    session.on('error', () => undefined);
    closers.push(() => session.destroy());
    const settings = await new Promise<Settings>((resolve) => session.once('remoteSettings', resolve));
    expect(settings.maxConcurrentStreams).toBe(2);
    await lives(victim);
  });

  it('does no harm by hundreds of connections on which nothing is said', async () => {
    const { port, victim } = await twoNodes();
    const sockets = Array.from({ length: 300 }, (_, n): Socket => {
      const to = { port, host: '127.0.0.1' };
      const socket =
        n % 2 ? connect(to) : connectTls({ ...to, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
      return socket.on('error', () => undefined);
    });
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    await eventually(() => expect(sockets.every((socket) => !socket.connecting)).toBe(true));
    await lives(victim);
  });

  it('does no harm by what is no TLS, no HTTP/2, or no gRPC', async () => {
    const { port, victim } = await twoNodes();
    const junk = Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
    const plain = connect({ port, host: '127.0.0.1' }).on('error', () => undefined);
    plain.write(junk);
    const secure = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).on(
      'error',
      () => undefined,
    );
    secure.write(junk);
    closers.push(
      () => plain.destroy(),
      () => secure.destroy(),
    );
    await eventually(() => expect(plain.closed || plain.readableEnded).toBe(true));
    await lives(victim);
  });
});
