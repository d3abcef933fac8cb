import { describe, expect, it } from 'vitest';
import { type ServiceSpec, stateOf } from '../model/index.ts';
import { aNode, aService, type NodeChange } from '../testing.ts';
import { Simulation } from './simulation.fixture.ts';
import { decide, ended, epochMs, nodesOf, type TaskParts, task, threeNodes } from './testing.ts';

const second = 1_000;

describe('a task that its host refused', () => {
  const rejected = (id: string, parts: TaskParts = {}) =>
    task(id, { state: 'rejected', since: 60_000, created: 59_000, ...parts });
  const before = (id: string, node: string) =>
    ended(id, {
      node,
      state: 'rejected',
      since: 50_000,
      created: 40_000,
      shoal: { stopReason: 'next-host' },
    });

  it('is followed at once by one for another host, and is no failure', () => {
    const { create, update } = decide({ tasks: [rejected('a')] });
    expect(update).toMatchObject([{ ID: 'a', shoal: { stopReason: 'next-host' } }]);
    expect(create).toMatchObject([{ DesiredState: 'running', shoal: { refusals: 1 } }]);
    expect(create[0]?.shoal.startAfter).toBeUndefined();
    expect(create[0]?.shoal.failures).toBeUndefined();
  });

  it('may also have been created there and not started', () => {
    const Status = { Timestamp: '', State: 'failed' as const, startRefused: true as const };
    const { create } = decide({ tasks: [task('a', { change: { Status } })] });
    expect(create).toMatchObject([{ DesiredState: 'running', shoal: { refusals: 1 } }]);
  });

  it('is no attempt to restart', () => {
    const Spec = { RestartPolicy: { Condition: 'none' as const } };
    expect(decide({ tasks: [rejected('a', { change: { Spec } })] }).create).toHaveLength(1);
  });

  it('waits for its restart once every host has refused it, in whichever slot', () => {
    const others = [before('b', 'n2'), { ...before('c', 'n3'), Slot: 2 }];
    const service = aService('web', { Spec: { Mode: { Replicated: { Replicas: 2 } } } });
    const tasks = [rejected('a'), ...others, task('d', { slot: 2 })];
    const { create, wakeAt } = decide({ service, tasks });
    expect(create).toEqual([]);
    expect(wakeAt).toBe(epochMs + 65_000);
  });

  it.each<[string, NodeChange]>([
    ['is down', { judged: { state: 'down' } }],
    ['is drained', { Spec: { Availability: 'drain' } }],
    ['does not meet the constraints', { reported: { description: { Hostname: 'other' } } }],
  ])('does not count on a host that %s', (_, change) => {
    const nodes = nodesOf(
      aNode('n1', { reported: { description: { Hostname: 'n' } } }),
      aNode('n2', { reported: { description: { Hostname: 'n' } }, ...change }),
    );
    const Spec = { Placement: { Constraints: ['node.hostname==n'] } };
    expect(decide({ nodes, tasks: [rejected('a', { change: { Spec } })] }).create).toEqual([]);
  });

  it('waits, too, when it was placed where the host was known to refuse it: the others have no room', () => {
    expect(decide({ tasks: [rejected('a'), before('b', 'n1')] }).create).toEqual([]);
    const old = ended('b', { state: 'rejected', since: 50_000 - 5 * 60_000, created: -300_000 });
    expect(decide({ tasks: [rejected('a'), old] }).create).toHaveLength(1);
  });

  it('waits after so many hosts that it is hardly their fault', () => {
    const nodes = nodesOf(...Array.from({ length: 99 }, (_, n) => aNode(`n${n}`)));
    expect(decide({ nodes, tasks: [rejected('a', { shoal: { refusals: 18 } })] }).create).toHaveLength(1);
    expect(decide({ nodes, tasks: [rejected('a', { shoal: { refusals: 19 } })] }).create).toEqual([]);
  });

  it('waits after as many hosts as there are, though not all of their refusals are remembered', () => {
    expect(decide({ tasks: [rejected('a', { shoal: { refusals: 1 } })] }).create).toHaveLength(1);
    expect(decide({ tasks: [rejected('a', { shoal: { refusals: 2 } })] }).create).toEqual([]);
  });

  it('is not followed at once again after its restart', () => {
    const waited = rejected('a', { since: 70_000 - 10_000, created: 0, shoal: { refusals: 2, failures: 1 } });
    const { create } = decide({ tasks: [waited], at: 600_000 });
    expect(create).toMatchObject([{ shoal: { refusals: 2, failures: 2 } }]);
  });

  it('has no other host in a global service', () => {
    const { Slot: _, ...global } = rejected('a');
    expect(decide({ nodes: threeNodes, tasks: [global] }).update).not.toMatchObject([
      { shoal: { stopReason: 'next-host' } },
    ]);
  });
});

describe('a service that one host only does not refuse', () => {
  async function refused(nodes: readonly string[], spec: Partial<ServiceSpec> = {}, hosts = 3) {
    const simulation = await Simulation.open(hosts);
    simulation.schedules = true;
    for (const id of nodes) simulation.refusingNodes.add(id);
    await simulation.change({ Mode: { Replicated: { Replicas: 2 } }, ...spec });
    return simulation;
  }
  const rejections = ({ tasks }: Simulation) => tasks.filter((task) => stateOf(task) === 'rejected');

  it('runs there within moments', async () => {
    for (const free of ['n1', 'n2', 'n3']) {
      const simulation = await refused(['n1', 'n2', 'n3'].filter((id) => id !== free));
      await simulation.run(3 * second);
      expect(simulation.running().map(({ NodeID }) => NodeID)).toEqual([free, free]);
      expect(rejections(simulation).length).toBeLessThanOrEqual(3);
    }
  });

  it('is updated to what the others refuse', async () => {
    const simulation = await refused([]);
    await simulation.run(3 * second);
    for (const id of ['n1', 'n3']) simulation.refusingNodes.add(id);
    await simulation.deploy('web:2');
    await simulation.run(20 * second);
    expect(simulation.service.UpdateStatus?.State).toBe('completed');
    expect(simulation.running('web:2').map(({ NodeID }) => NodeID)).toEqual(['n2', 'n2']);
  });

  it('is tried ever more rarely where all refuse it', async () => {
    const simulation = await refused(['n1', 'n2', 'n3']);
    const made = new Set<string>();
    for (const end = simulation.now + 120 * second; simulation.now < end; ) {
      await simulation.tick(250);
      for (const { ID } of simulation.tasks) made.add(ID);
    }
    // Three hosts, then after 5, 10, 20, 40 and 60 s; two slots, which may both try a host at the same time.
    expect(made.size).toBeLessThanOrEqual(2 * (3 + 5));
    simulation.refusingNodes.clear();
    await simulation.run(61 * second);
    expect(simulation.running()).toHaveLength(2);
  });

  it('is tried on all hosts at once but one time, where there are more than the history has room for', async () => {
    const hosts = Array.from({ length: 9 }, (_, n) => `n${n + 1}`);
    const simulation = await refused(hosts, { Mode: { Replicated: { Replicas: 1 } } }, hosts.length);
    const made = new Set<string>();
    for (const end = simulation.now + 300 * second; simulation.now < end; ) {
      await simulation.tick(250);
      for (const { ID } of simulation.tasks) made.add(ID);
    }
    // Nine, then after 5, 10, 20, 40 s, and four times after 60 s.
    expect(made.size).toBeLessThanOrEqual(9 + 8);
  });
});
