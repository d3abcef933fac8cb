import { decodeDesired, NodeFacts, oldestProtocol, protocolVersion } from '@shoal/proto';
import { describe, expect, it } from 'vitest';
import { eventually } from '../eventually.fixture.ts';
import { isDown, isReady } from '../model/index.ts';
import { aService, aTask, type TaskChange } from '../testing.ts';
import { release } from '../version.ts';
import { aManager, anAgent, assigned, nodeId, type Told, trust } from './testing.ts';

const shape = (told: Told) => ({
  complete: told.message.complete,
  chain: `${told.message.appliesTo}→${told.message.resultsIn}`,
  put: told.put('task').map(({ taskId, desiredState }) => `${taskId} ${decodeDesired(desiredState)}`),
  remove: told.removed('task'),
});

describe('an agent that connects', () => {
  it('is welcomed as the node of its certificate, and told whom to trust', async () => {
    const { store, port } = await aManager();
    const agent = anAgent(port);
    agent.hello({ facts: { runsManager: true } });
    const timing = { beatMs: 500, leaseMs: 10_000 };
    const welcome = { term: 7, timing, hold: false, release, eventsUntilUs: 0 };
    const roots = trust.root.certificate;
    await eventually(() =>
      expect(agent.received.slice(0, 2)).toEqual([
        { $case: 'welcome', value: welcome },
        { $case: 'trust', value: { roots, renew: false, renewWithinMs: 5_000 } },
      ]),
    );
    expect(store.view.nodes.get(nodeId)).toMatchObject({
      reported: { description: { Hostname: 'h1' }, address: '10.0.0.1', runsManager: true },
      judged: { state: 'heard' },
      allotted: { signedBy: trust.root.digest },
    });
  });

  it.each([
    [protocolVersion + 1, /newer release.*upgrade the manager's host first/],
    [oldestProtocol - 1, /too old.*upgrade the agent's host/],
  ])('is refused with a reason when it speaks protocol %i', async (protocol, says) => {
    const { store, port } = await aManager();
    const before = store.view.nodes.get(nodeId);
    const agent = anAgent(port);
    agent.hello({ protocol });
    expect(await agent.ended).toMatch(says);
    expect(store.view.nodes.get(nodeId)).toBe(before);
  });

  it('again keeps what people set on the node, and replaces the stream before', async () => {
    const { store, port } = await aManager();
    const first = anAgent(port);
    first.hello();
    await eventually(() => expect(first.sets()).toHaveLength(1));
    await store.update((tx) => {
      const node = tx.nodes.get(nodeId);
      if (node) tx.nodes.update({ ...node, Spec: { ...node.Spec, Availability: 'drain' } });
    });
    const second = anAgent(port);
    second.hello();
    expect(await first.ended).toBe('ended');
    expect(store.view.nodes.get(nodeId)?.Spec.Availability).toBe('drain');
  });
});

describe('assignments', () => {
  it('come whole first, then as a chain of changes, and whole again on request', async () => {
    const { store, port } = await aManager();
    await store.update((tx) => {
      tx.tasks.create(assigned('t1'));
      tx.tasks.create(assigned('elsewhere', { NodeID: 'other' }));
      tx.tasks.create(aTask('unplaced', { NodeID: nodeId }));
    });
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets()).toHaveLength(1));
    await store.update((tx) => {
      tx.tasks.create(assigned('t2'));
      const task = tx.tasks.get('t1');
      if (task) tx.tasks.update({ ...task, DesiredState: 'shutdown' });
    });
    await eventually(() => expect(agent.sets()).toHaveLength(2));
    await store.update((tx) => tx.tasks.remove('t1'));
    await eventually(() => expect(agent.sets()).toHaveLength(3));
    agent.send({ $case: 'resync', value: {} });
    await eventually(() => expect(agent.sets()).toHaveLength(4));
    expect(agent.sets().map(shape)).toEqual([
      { complete: true, chain: '0→1', put: ['t1 running'], remove: [] },
      { complete: false, chain: '1→2', put: ['t2 running', 't1 shutdown'], remove: [] },
      { complete: false, chain: '2→3', put: [], remove: ['t1'] },
      { complete: true, chain: '0→4', put: ['t2 running'], remove: [] },
    ]);
  });

  it('bring the new spec of a task that keeps its container', async () => {
    const { store, port } = await aManager();
    await store.update((tx) => tx.tasks.create(assigned('t1')));
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets()).toHaveLength(1));
    await store.update((tx) => {
      const task = tx.tasks.get('t1');
      const Spec = { ...task?.Spec, Resources: { Limits: { MemoryBytes: 2 ** 26 } } };
      if (task) tx.tasks.update({ ...task, Spec });
    });
    await eventually(() => expect(agent.sets()).toHaveLength(2));
    const [put] = agent.sets()[1]?.put('task') ?? [];
    expect(JSON.parse(put?.createBody ?? '')).toMatchObject({ HostConfig: { Memory: 2 ** 26 } });
  });

  it('never ask for a task to run again that has ended', async () => {
    const { store, port } = await aManager();
    await store.update((tx) =>
      tx.tasks.create(assigned('t1', { Status: { Timestamp: '', State: 'failed' } })),
    );
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets().map(shape)[0]?.put).toEqual(['t1 shutdown']));
  });
});

describe('a task of a node that was down', () => {
  it('is not told to stop before it is decided what becomes of it', async () => {
    const { store, port } = await aManager();
    const orphaned = (id: string, change: TaskChange = {}) =>
      assigned(id, {
        DesiredState: 'shutdown',
        Status: { Timestamp: '', State: 'running' },
        shoal: { specVersion: 1, ports: [], stopReason: 'node-down', orphaned: true },
        ...change,
      });
    await store.update((tx) => {
      tx.tasks.create(orphaned('t1'));
      tx.tasks.create(orphaned('t2', { DesiredState: 'remove' }));
    });
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets().map(shape)[0]?.put).toEqual(['t1 running', 't2 remove']));
    await store.update((tx) => {
      const task = tx.tasks.get('t1');
      if (task) tx.tasks.update({ ...task, shoal: { specVersion: 1, ports: [], stopReason: 'node-down' } });
    });
    await eventually(() => expect(agent.sets().map(shape)[1]?.put).toEqual(['t1 shutdown']));
  });
});

describe('statuses', () => {
  it('are stored, acknowledged, and only ever move forward', async () => {
    const { store, port } = await aManager();
    await store.update((tx) => tx.tasks.create(assigned('t1')));
    const agent = anAgent(port);
    agent.hello();
    agent.report(1, 't1', 'failed', 'task: non-zero exit (1)');
    agent.report(2, 't1', 'running');
    agent.report(3, 'unknown', 'running');
    await eventually(() => expect(agent.received.filter(({ $case }) => $case === 'ack')).toHaveLength(3));
    expect(store.view.tasks.get('t1')?.observed).toMatchObject({
      state: 'failed',
      err: 'task: non-zero exit (1)',
    });
  });

  it('of another node’s tasks are ignored', async () => {
    const { store, port } = await aManager();
    await store.update((tx) => tx.tasks.create(assigned('t1', { NodeID: 'other' })));
    const agent = anAgent(port);
    agent.hello();
    agent.report(1, 't1', 'running');
    await eventually(() => expect(agent.received.some(({ $case }) => $case === 'ack')).toBe(true));
    expect(store.view.tasks.get('t1')).not.toHaveProperty('observed');
  });
});

describe('events of containers', () => {
  const attributes = { name: 'web.1', 'com.docker.swarm.node.id': nodeId, 'com.docker.swarm.task.id': 't1' };
  const message = (...times: number[]) => ({
    $case: 'events' as const,
    value: {
      events: times.map((atUs) => ({ atUs, action: 'start', containerId: 'c1', attributes })),
      dropped: 0,
    },
  });
  const taken = (agent: ReturnType<typeof anAgent>) =>
    agent.received.flatMap((body) => (body.$case === 'eventsTaken' ? [body.value] : []));

  it('are written down once, those that come too soon or too many not at all; the next session goes on from there', async () => {
    const { store, port } = await aManager(undefined, () => 1_767_225_600_000);
    const first = anAgent(port);
    first.hello();
    first.send(message(10, 20));
    first.send(message(30));
    first.send(message(...Array.from({ length: 33 }, (_, n) => 40 + n)));
    await eventually(() => expect(taken(first)).toEqual([{ untilUs: 20, waitMs: 100 }]));
    const second = anAgent(port);
    second.hello();
    await eventually(() =>
      expect(second.received[0]).toMatchObject({ $case: 'welcome', value: { eventsUntilUs: 20 } }),
    );
    second.send(message(20, 30));
    await eventually(() => expect(taken(second)).toEqual([{ untilUs: 30, waitMs: expect.any(Number) }]));
    expect(store.view.events.size).toBe(3);
  });
});

describe('facts and beats', () => {
  it('come as the manager says: each agent hears of it when that changes', async () => {
    const { agents, port } = await aManager();
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets()).toHaveLength(1));
    agents.tellTiming();
    const value = { beatMs: 500, leaseMs: 10_000 };
    await eventually(() => expect(agent.received).toContainEqual({ $case: 'timing', value }));
  });

  it('take a node in trouble out, and bring it back', async () => {
    const { store, port } = await aManager();
    const agent = anAgent(port);
    agent.hello();
    const facts = (trouble: string) =>
      agent.send({ $case: 'facts', value: NodeFacts.fromPartial({ hostname: 'h1', trouble }) });
    facts('the Docker daemon does not answer');
    const node = () => store.view.nodes.get(nodeId);
    await eventually(() => expect(node()?.reported.trouble).toBe('the Docker daemon does not answer'));
    expect(isDown(node())).toBe(true);
    facts('');
    await eventually(() => expect(isReady(node())).toBe(true));
  });

  it('are heard, and so is the end of the stream', async () => {
    const { port, heard, left } = await aManager();
    const agent = anAgent(port);
    agent.hello();
    agent.send({ $case: 'beat', value: { number: 7, beatMs: 500 } });
    await eventually(() =>
      expect(agent.received).toContainEqual({ $case: 'beat', value: { number: 7, beatMs: 500 } }),
    );
    expect(heard).toEqual([nodeId, nodeId]);
    expect(left).toEqual([]);
    agent.end();
    await eventually(() => expect(left).toEqual([nodeId]));
  });
});

describe('a node that nobody reaches', () => {
  it('is said to be silent until it is reached again', async () => {
    const { store, agents, port } = await aManager();
    await store.update((tx) => {
      // A port that every host answers, so that every host knows its endpoints.
      const ports = [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 80, PublishMode: 'ingress' }] as const;
      tx.services.create(aService('db', { shoal: { specVersion: 1, ports } }));
      for (const [id, NodeID] of [
        ['t1', 'near'],
        ['t2', 'far'],
      ] as const) {
        tx.tasks.create(
          aTask(id, {
            ServiceID: 'db',
            NodeID,
            Status: { Timestamp: '', State: 'running' },
            shoal: {
              specVersion: 1,
              ports: [],
              networks: ['net'],
              attachments: [{ networkId: 'net', address: '10.1.2.3' }],
            },
          }),
        );
      }
    });
    const agent = anAgent(port);
    agent.hello();
    const endpoints = () =>
      agent.sets().map((told) => told.put('endpoint').map(({ taskId, silent }) => [taskId, silent]));
    await eventually(() =>
      expect(endpoints()).toEqual([
        [
          ['t1', false],
          ['t2', false],
        ],
      ]),
    );
    agents.setSilent('far', true);
    await eventually(() => expect(endpoints().at(-1)).toEqual([['t2', true]]));
    agents.setSilent('far', false);
    await eventually(() => expect(endpoints().at(-1)).toEqual([['t2', false]]));
  });
});

describe('queries', () => {
  it('go to a connected node and come back, or say why not', async () => {
    const { agents, port } = await aManager();
    await expect(agents.distribution('web:1', '')).rejects.toMatchObject({ status: 503 });
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets()).toHaveLength(1));
    const answers = [agents.distribution('web:1', 'auth'), agents.distribution('nope:1', '')];
    await eventually(() => expect(agent.received.filter(({ $case }) => $case === 'query')).toHaveLength(2));
    for (const body of agent.received) {
      if (body.$case !== 'query') continue;
      const { id, what } = body.value;
      const outcome =
        what?.$case === 'distribution' && what.value.image === 'web:1'
          ? ({ $case: 'json', value: '{"ok":true}' } as const)
          : ({ $case: 'error', value: { status: 404, message: 'manifest unknown' } } as const);
      agent.send({ $case: 'result', value: { id, outcome } });
    }
    const [found, missing] = await Promise.allSettled(answers);
    expect(found).toEqual({ status: 'fulfilled', value: { ok: true } });
    expect(missing).toMatchObject({
      status: 'rejected',
      reason: { status: 404, message: 'manifest unknown' },
    });
  });

  it('go to the node that is meant, for as long as the asker has time', async () => {
    const { agents, port } = await aManager();
    const ask = (id: string) => agents.ask(id, { $case: 'networkCounters', value: {} }, 50);
    await expect(ask(nodeId)).rejects.toMatchObject({
      status: 503,
      message: expect.stringMatching(/not connected/),
    });
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets()).toHaveLength(1));
    await expect(ask(nodeId)).rejects.toMatchObject({
      status: 504,
      message: expect.stringMatching(/within 0.05 s/),
    });
    // On a busy machine it may get there after the asker has given up.
    const query = { id: '1', what: { $case: 'networkCounters', value: {} } };
    await eventually(() => expect(agent.received).toContainEqual({ $case: 'query', value: query }));
  });

  it.each(['null', '5', '"x"'])('are not answered by %s', async (json) => {
    const { agents, port } = await aManager();
    const agent = anAgent(port);
    agent.hello();
    await eventually(() => expect(agent.sets()).toHaveLength(1));
    const answer = agents.ask(nodeId, { $case: 'networkCounters', value: {} }, 30_000);
    const refused = expect(answer).rejects.toMatchObject({
      status: 502,
      message: expect.stringMatching(/makes no sense/),
    });
    agent.send({ $case: 'result', value: { id: '1', outcome: { $case: 'json', value: json } } });
    await refused;
  });
});
