import { describe, expect, it } from 'vitest';
import { type Service, type ServiceSpec, stateOf, type Task, type TaskState } from '../model/index.ts';
import { Simulation } from '../services/simulation.fixture.ts';
import {
  at,
  decide,
  ended,
  epochMs,
  nodesOf,
  secondVersion,
  type TaskParts,
  task,
  threeNodes,
} from '../services/testing.ts';
import { aNode, aService, withStatus } from '../testing.ts';
import { beforeMove, mayMove, steadyMs } from './movable.ts';

const second = 1_000;
const never = Number.POSITIVE_INFINITY;

describe('when a task may be moved', () => {
  const twoReplicas = (spec: Partial<ServiceSpec> = {}, change: Partial<Service> = {}) =>
    aService('web', { Spec: { Mode: { Replicated: { Replicas: 2 } }, ...spec }, ...change });
  const pair = [task('a', { since: 3_000 }), task('b', { slot: 2, since: 7_000 })];
  const when = (service = twoReplicas(), tasks = pair, nodes = threeNodes) =>
    mayMove(service) ? (beforeMove(service, tasks, nodes, epochMs)?.until ?? never) : never;

  it('is some time after all of them have begun to run', () => {
    expect(when()).toBe(epochMs + 7_000 + steadyMs);
    expect(when(twoReplicas(), [...pair, ended('old')])).toBe(epochMs + 7_000 + steadyMs);
  });

  it.each<[string, Partial<ServiceSpec>]>([
    ['the service is global', { Mode: { Global: {} } }],
    ['its tasks may end by themselves', { TaskTemplate: { RestartPolicy: { Condition: 'on-failure' } } }],
    ['its tasks run only once', { TaskTemplate: { RestartPolicy: { Condition: 'none' } } }],
    ['it lives in the network of another one', { Labels: { 'shoal.network': 'service:db' } }],
    ['its tasks must run only once', { Labels: { 'shoal.isolation': 'stop' } }],
    [
      'it writes to a volume',
      {
        UpdateConfig: { Order: 'start-first' },
        TaskTemplate: { ContainerSpec: { Mounts: [{ Type: 'volume', Source: 'data', Target: '/data' }] } },
      },
    ],
  ])('is never while %s', (_, spec) => {
    expect(when(twoReplicas(spec))).toBe(never);
  });

  it.each(['updating', 'paused', 'rollback_started', 'rollback_paused'] as const)(
    'is never while an update is %s',
    (State) => {
      expect(when(twoReplicas({}, { UpdateStatus: { State } }))).toBe(never);
    },
  );

  it.each<[string, TaskParts]>([
    ['waits for a node', { node: '', state: 'pending' }],
    ['starts', { state: 'starting' }],
    ['is unhealthy', { change: { Status: { Timestamp: at(0), State: 'running', Err: 'bad' } } }],
    ['stops', { change: { DesiredState: 'shutdown' } }],
    ['has failed', { state: 'failed' }],
    ['is of an older version', { shoal: { specVersion: 0 } }],
    ['has to leave its node', { change: { Spec: { Placement: { Constraints: ['node.hostname==n9'] } } } }],
  ])('is never while another one %s', (_, parts) => {
    expect(when(twoReplicas(), [task('a'), task('b', { slot: 2, ...parts })])).toBe(never);
  });

  it('is never while its node is suspected', () => {
    const nodes = nodesOf(aNode('n1', { judged: { state: 'disconnected' } }));
    expect(when(twoReplicas(), pair, nodes)).toBe(never);
  });
});

describe('a move', () => {
  const now = epochMs + 60_000;
  const old = task('old');
  const next = (parts: TaskParts = {}) =>
    task('next', {
      node: 'n2',
      state: 'assigned',
      created: 59_000,
      ...parts,
      shoal: { moves: 'old', ...parts.shoal },
    });

  it('starts the new task beside the old one', () => {
    const prepared = next({ change: { DesiredState: 'ready' } });
    expect(decide({ tasks: [old, prepared] })).toMatchObject({
      create: [],
      update: [{ ID: 'next', DesiredState: 'running' }],
    });
    expect(decide({ tasks: [old, next({ state: 'starting' })] })).toMatchObject({ create: [], update: [] });
  });

  it('stops the old one once the new one runs, and says why', () => {
    const { update } = decide({ tasks: [old, next({ state: 'running', since: 60_000 })] });
    expect(update).toMatchObject([
      { ID: 'old', DesiredState: 'shutdown', shoal: { stopReason: 'rebalanced' } },
    ]);
  });

  it('that fails is no failure of the service: the old one stays, its restarts are not delayed', () => {
    const failed = next({ state: 'failed', since: 60_000 });
    const { create, update } = decide({ tasks: [old, failed] });
    expect(create).toEqual([]);
    expect(update).toMatchObject([
      { ID: 'next', DesiredState: 'shutdown', shoal: { stopReason: 'move-failed' } },
    ]);
    const [noted] = update;
    const gone = nodesOf(aNode('n1', { judged: { state: 'down' } }), aNode('n2'));
    const [again] = noted ? decide({ tasks: [old, noted], nodes: gone }).create : [];
    expect(again?.DesiredState).toBe('running');
  });

  it('that failed does not hide from the restart policy how the old one ended', () => {
    const Spec = { RestartPolicy: { Condition: 'none' as const } };
    const service = aService('web', { Spec: { TaskTemplate: Spec } });
    const failed = ended('next', { created: 59_000, shoal: { moves: 'old', stopReason: 'move-failed' } });
    const done = task('old', { state: 'complete', since: 60_000, change: { Spec } });
    expect(decide({ service, tasks: [done, failed] }).create).toEqual([]);
  });

  it('ends when it finds no room, takes too long, or an update begins', () => {
    const unplaced = next({
      state: 'pending',
      change: { Status: { State: 'pending', Err: 'no room' } },
    });
    expect(decide({ tasks: [old, unplaced] })).toMatchObject({ update: [], remove: ['next'] });
    const slow = next({ state: 'preparing' });
    const due = 59_000 + 10 * 60_000;
    expect(decide({ tasks: [old, slow] }).wakeAt).toBe(epochMs + due);
    expect(decide({ tasks: [old, slow], at: due }).update).toMatchObject([
      { ID: 'next', DesiredState: 'shutdown', shoal: { stopReason: 'move-failed' } },
    ]);
    const service = secondVersion();
    const { create, update } = decide({ service, tasks: [old, slow] });
    expect(create).toMatchObject([{ shoal: { specVersion: 2, replaces: 'old' } }]);
    expect(update.filter(({ DesiredState }) => DesiredState === 'shutdown')).toMatchObject([{ ID: 'next' }]);
  });

  it('that is stop-first stops the old one once the new one is prepared, if a task runs in every other slot', () => {
    const service = aService('web', { Spec: { Mode: { Replicated: { Replicas: 2 } } } });
    const ready = { DesiredState: 'ready' as const };
    const moving = (state: TaskState) => next({ state, change: ready, shoal: { stopFirst: true } });
    const other = task('other', { slot: 2 });
    const on = (...tasks: Task[]) => decide({ service, tasks });
    expect(on(old, moving('preparing'), other)).toMatchObject({ create: [], update: [], remove: [] });
    const starting = task('other', { slot: 2, state: 'starting' });
    expect(on(old, moving('ready'), starting)).toMatchObject({ create: [], update: [], remove: [] });
    expect(on(old, moving('ready'), other).update).toMatchObject([
      { ID: 'old', DesiredState: 'shutdown', shoal: { stopReason: 'rebalanced' } },
    ]);
    const stopping = task('old', {
      change: { DesiredState: 'shutdown' },
      shoal: { stopReason: 'rebalanced' },
    });
    expect(on(stopping, moving('ready'), other).update).toEqual([]);
    const stopped = withStatus(stopping, { State: 'shutdown' as const });
    expect(on(stopped, moving('ready'), other).update).toMatchObject([
      { ID: 'next', DesiredState: 'running' },
    ]);
    const failed = next({ state: 'failed', shoal: { stopFirst: true } });
    expect(on(stopped, failed, other)).toMatchObject({
      create: [{ Slot: 1, DesiredState: 'running' }],
      update: [{ ID: 'next', shoal: { stopReason: 'move-failed' } }],
    });
  });

  it('of a service with a port of its hosts has the new one run beside the old one, on another host', () => {
    const Ports = [{ TargetPort: 80, PublishedPort: 80, PublishMode: 'host' as const }];
    const service = aService('web', { Spec: { EndpointSpec: { Ports } } });
    const prepared = next({ state: 'ready', change: { DesiredState: 'ready' } });
    expect(decide({ service, tasks: [old, prepared] }).update).toMatchObject([
      { ID: 'next', DesiredState: 'running' },
    ]);
    expect(decide({ service, tasks: [old, next({ state: 'running' })] }).update).toMatchObject([
      { ID: 'old', DesiredState: 'shutdown' },
    ]);
  });

  it('becomes the replacement when the old one is orphaned meanwhile', () => {
    const nodes = nodesOf(aNode('n1', { judged: { state: 'down' } }), aNode('n2'));
    const { create, update } = decide({ nodes, tasks: [old, next({ state: 'starting' })], now });
    expect(create).toEqual([]);
    expect(update).toMatchObject([{ ID: 'old', shoal: { stopReason: 'node-down' } }]);
  });
});

describe('moves', () => {
  /** Six tasks on two nodes; the third is away. */
  async function crowded(spec: Partial<ServiceSpec> = {}): Promise<Simulation> {
    const simulation = await Simulation.open(3);
    simulation.rebalances = true;
    await simulation.nodeState('n3', 'down');
    await simulation.change({ Mode: { Replicated: { Replicas: 6 } }, ...spec });
    await simulation.run(30 * second, 500);
    await simulation.nodeState('n3', 'heard');
    return simulation;
  }
  const onThird = ({ tasks }: Simulation) => tasks.filter(({ NodeID }) => NodeID === 'n3');

  it('use a node again that came back, one task after the other', async () => {
    const simulation = await crowded();
    const running = [];
    for (let tick = 0; tick < 120; tick++) {
      await simulation.tick(500);
      running.push(simulation.running().length);
    }
    expect(Math.min(...running)).toBe(6);
    expect(Math.max(...running)).toBe(7);
    expect(simulation.running().filter(({ NodeID }) => NodeID === 'n3')).toHaveLength(2);
    const moved = simulation.tasks.filter(({ shoal }) => shoal.stopReason === 'rebalanced');
    expect(moved.map((task) => stateOf(task))).toEqual(['shutdown', 'shutdown']);
  });

  it('of a stop-first service leave one slot empty at a time, for as long as a start takes', async () => {
    const simulation = await crowded({ UpdateConfig: { Order: 'stop-first' } });
    const running = [];
    for (let tick = 0; tick < 120; tick++) {
      await simulation.tick(500);
      running.push(simulation.running().length);
    }
    expect(Math.min(...running)).toBe(5);
    expect(Math.max(...running)).toBe(6);
    // Stopped, started, running: a step each.
    expect(running.filter((count) => count < 6).length).toBeLessThanOrEqual(2 * 3);
    expect(simulation.running().filter(({ NodeID }) => NodeID === 'n3')).toHaveLength(2);
  });

  it('of a stop-first service that fail end with the task back elsewhere, and are not tried again', async () => {
    const simulation = await crowded({ UpdateConfig: { Order: 'stop-first' } });
    simulation.schedules = true;
    simulation.brokenNodes.add('n3');
    await simulation.run(60 * second, 500);
    expect(simulation.running()).toHaveLength(6);
    const { length: made } = simulation.tasks;
    await simulation.run(600 * second, 500);
    expect(onThird(simulation).map(({ shoal }) => shoal.stopReason)).toEqual(['move-failed']);
    expect(simulation.tasks).toHaveLength(made);
  });

  it('do not happen where the service does not want them', async () => {
    const simulation = await crowded({ Labels: { 'shoal.rebalance': 'off' } });
    await simulation.run(300 * second, 500);
    expect(onThird(simulation)).toEqual([]);
  });

  it('wait until the node has stayed for a while: one that comes and goes costs few', async () => {
    const simulation = await crowded();
    for (let flap = 0; flap < 60; flap++) {
      await simulation.run(20 * second, 500);
      await simulation.nodeState('n3', 'down');
      await simulation.run(5 * second, 500);
      await simulation.nodeState('n3', 'heard');
    }
    const made = new Set(simulation.tasks.filter(({ shoal }) => shoal.moves).map(({ ID }) => ID));
    expect(made.size).toBeLessThan(8);
  });

  it('that fail are not tried again on the same node', async () => {
    const simulation = await crowded();
    simulation.brokenNodes.add('n3');
    await simulation.run(600 * second, 500);
    const failed = onThird(simulation);
    expect(failed.map(({ shoal }) => shoal.stopReason)).toEqual(['move-failed']);
    expect(simulation.running()).toHaveLength(6);
    simulation.brokenNodes.clear();
    await simulation.nodeState('n3', 'down');
    await simulation.nodeState('n3', 'heard');
    await simulation.run(120 * second, 500);
    expect(simulation.running().filter(({ NodeID }) => NodeID === 'n3')).toHaveLength(2);
  });
});
