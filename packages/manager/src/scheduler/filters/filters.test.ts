import { oldestProtocol, protocolVersion } from '@shoal/proto/rules';
import { describe, expect, it } from 'vitest';
import { type Node, pendingText, type Task } from '../../model/index.ts';
import { aNode, type NodeChange, type TaskChange } from '../../testing.ts';
import { now, viewOf } from '../arbitraries.fixture.ts';
import { ClusterState } from '../cluster-state.ts';
import { explainTask } from '../explain.ts';
import { type Schedule, schedule } from '../schedule.ts';
import { aTask } from '../testing.ts';

const Timestamp = new Date(now).toISOString();
const running = (id: string, parts: TaskChange): Task =>
  aTask(id, { NodeID: 'n1', Status: { State: 'running', Timestamp }, ...parts });

/** What one node says to the task `t`: name and reason of each filter that refused it; and the task's text. */
function refusals(node: NodeChange, task: TaskChange, others: readonly Task[] = []) {
  const pending = aTask('t', task);
  const view = viewOf([aNode('n1', node)], [...others, pending]);
  const { nodes, text } = explainTask(view, pending, now);
  const refused = nodes.flatMap((one) =>
    one.filters.flatMap(({ name, passed, reason }) => (passed ? [] : [`${name}: ${reason}`])),
  );
  const planned = schedule(ClusterState.from(view), [pending], { now, seed: 0 }).pending[0];
  expect(planned ? pendingText(planned.reasons) : '').toBe(text);
  return { refused, text };
}

const reserve = (Reservations: object, rest: TaskChange = {}): TaskChange => ({
  Spec: { Resources: { Reservations } },
  ...rest,
});
const webPort = { shoal: { specVersion: 1, ports: [{ PublishMode: 'host' as const, PublishedPort: 80 }] } };

describe('filters', () => {
  it('let a plain task onto a plain node', () => {
    expect(refusals({}, {})).toEqual({ refused: [], text: '' });
  });

  it('readiness', () => {
    expect(refusals({ judged: { state: 'down' } }, {})).toEqual({
      refused: ['readiness: the node is down'],
      text: 'no suitable node (1 node not ready)',
    });
  });

  it('availability', () => {
    expect(refusals({ Spec: { Availability: 'drain' } }, {})).toEqual({
      refused: ["availability: the node's availability is drain"],
      text: 'no suitable node (1 node drained or paused)',
    });
  });

  it('hostAccess', () => {
    const task = { shoal: { specVersion: 1, ports: [], hostAccess: { privileged: true as const } } };
    expect(refusals({}, task)).toEqual({
      refused: ['hostAccess: the node has no label shoal.allow-privileged=on'],
      text: 'no suitable node (1 node without label shoal.allow-privileged=on)',
    });
    const allowed = { Spec: { Labels: { 'shoal.allow-privileged': 'on' } } };
    expect(refusals(allowed, task)).toEqual({ refused: [], text: '' });
    expect(refusals({ Spec: { Labels: { 'shoal.allow-privileged': 'off' } } }, task).text).not.toBe('');
  });

  it('pressure, but not for global services', () => {
    const pressures = [
      { kind: 'memory', message: 'short of memory: 42 MiB available of 2 GiB' },
      { kind: 'pids', message: 'short of PIDs: 3 free of 1000' },
    ];
    const pressed = { reported: { pressures } };
    expect(refusals(pressed, {})).toEqual({
      refused: [
        'pressure: the host is short of memory: 42 MiB available of 2 GiB; short of PIDs: 3 free of 1000',
      ],
      text: 'no suitable node (host under pressure on 1 node)',
    });
    const { Slot: _, ...global } = aTask('t', { NodeID: 'n1' });
    const view = viewOf([aNode('n1', pressed)], [global]);
    const moved = aTask('t2', { NodeID: 'n1' });
    const { placed } = schedule(ClusterState.from(view), [global, moved], { now, seed: 0 });
    expect(placed.map(({ taskId }) => taskId)).toEqual(['t']);
  });

  it('flapping', () => {
    expect(refusals({ flapping: { falls: 4, backAt: now - 5_500 } }, {})).toEqual({
      refused: ['flapping: the node went down 4 times in a row: no new tasks for 15 s'],
      text: 'no suitable node (1 node came back only now from going down again and again)',
    });
  });

  it('constraints', () => {
    const Constraints = ['node.labels.disk==ssd', 'node.role==worker'];
    expect(refusals({}, { Spec: { Placement: { Constraints } } })).toEqual({
      refused: ['constraints: not satisfied: node.labels.disk==ssd'],
      text: 'no suitable node (scheduling constraints not satisfied on 1 node: node.labels.disk==ssd)',
    });
    expect(refusals({}, { Spec: { Placement: { Constraints: ['rubbish'] } } }).refused).toEqual([
      'constraints: the constraints cannot be understood',
    ]);
  });

  it('platform', () => {
    const Platforms = [{ OS: 'linux', Architecture: 'arm64' }];
    expect(refusals({}, { Spec: { Placement: { Platforms } } })).toEqual({
      refused: ['platform: the node is linux/x86_64, the image is for linux/arm64'],
      text: 'no suitable node (unsupported platform on 1 node: the image is for linux/arm64)',
    });
  });

  it('dockerVersion', () => {
    const Mounts = [
      { Type: 'volume' as const, Source: 'a', Target: '/a', VolumeOptions: { Subpath: 'b' } },
      { Type: 'bind' as const, Source: '/c', Target: '/c', BindOptions: { CreateMountpoint: true } },
    ];
    const task = { Spec: { ContainerSpec: { Mounts } } };
    const engine = (EngineVersion: string) => ({ reported: { description: { Engine: { EngineVersion } } } });
    expect(refusals(engine('25.0.3'), task)).toEqual({
      refused: [
        'dockerVersion: the node has Docker 25.0.3: Mounts[0].VolumeOptions.Subpath needs Docker 26.0 or later',
      ],
      text: 'no suitable node (Docker is too old on 1 node: Mounts[0].VolumeOptions.Subpath needs Docker 26.0 or later)',
    });
    expect(refusals(engine('20.10.24+dfsg1'), task).text).toBe(
      'no suitable node (Docker is too old on 1 node: Mounts[1].BindOptions.CreateMountpoint needs Docker 23.0 or later, ' +
        'Mounts[0].VolumeOptions.Subpath needs Docker 26.0 or later)',
    );
    for (const version of ['26.0.0', '28.5.2', '29.1.0-rc.1', 'dev', '']) {
      expect(refusals(engine(version), task).text).toBe('');
    }
    expect(refusals({ reported: { description: {} } }, task).text).toBe('');
    expect(refusals(engine('20.10.24'), {}).text).toBe('');
  });

  it('dockerVersion: on a mixed cluster a task goes where it can', () => {
    const task = aTask('t', {
      Spec: { ContainerSpec: { Mounts: [{ Type: 'image', Source: 'a', Target: '/a' }] } },
    });
    const plain = aTask('plain', { ServiceID: 'other' });
    const nodes = ['20.10.24', '28.0.1', '27.5.1'].map((EngineVersion, i) =>
      aNode(`n${i}`, { reported: { description: { Engine: { EngineVersion } } } }),
    );
    const { placed } = schedule(ClusterState.from(viewOf(nodes, [plain, task])), [plain, task], {
      now,
      seed: 0,
    });
    expect(placed).toHaveLength(2);
    expect(placed.find(({ taskId }) => taskId === 't')?.nodeId).toBe('n1');
  });

  it('agentRelease: what an agent of the release before leaves out is not given to it', () => {
    const files = {
      Spec: { ContainerSpec: { Secrets: [{ SecretID: 's', SecretName: 's', File: { Name: 's' } }] } },
    };
    const speaks = (protocol: number) => ({ reported: { protocol } });
    expect(refusals(speaks(oldestProtocol), files)).toEqual({
      refused: [
        "agentRelease: the node's agent is of the release before, which has no secrets and configs: `shoal upgrade` there",
      ],
      text: 'no suitable node (Shoal is too old on 1 node)',
    });
    expect(refusals(speaks(protocolVersion), files).text).toBe('');
    expect(refusals(speaks(oldestProtocol), {}).text).toBe('');
  });

  it('agentRelease: of a node that has not come since managers ask for it, nobody knows', () => {
    const task = aTask('t', {
      Spec: { ContainerSpec: { Secrets: [{ SecretID: 's', SecretName: 's', File: { Name: 's' } }] } },
    });
    const known = aNode('n1');
    const { protocol: _, ...reported } = known.reported;
    const placedOn = (node: Node) =>
      schedule(ClusterState.from(viewOf([node], [task])), [task], { now, seed: 0 }).placed.length;
    expect([placedOn(known), placedOn({ ...known, reported })]).toEqual([1, 0]);
  });

  it('networks', () => {
    const why = 'network shop (10.7.0.0/20) covers 10.7.0.1, which node n1 needs';
    const node = { allotted: { closedTo: [{ networkId: 'shop', why }] } };
    const on = (...networks: string[]) => ({ shoal: { specVersion: 1, ports: [], networks } });
    expect(refusals(node, on('back', 'shop'))).toEqual({
      refused: [`networks: ${why}`],
      text: 'no suitable node (network covers addresses that the host needs on 1 node)',
    });
    expect(refusals(node, on('back')).text).toBe('');
    expect(refusals(node, {}).text).toBe('');
  });

  it('resources: what is reserved counts, until a stopping task has ended', () => {
    const description = { Resources: { NanoCPUs: 2e9, MemoryBytes: 2 ** 30 } };
    const other = reserve({ NanoCPUs: 1.5e9, MemoryBytes: 2 ** 29 }, { DesiredState: 'shutdown' });
    const task = reserve({ NanoCPUs: 1e9, MemoryBytes: 2 ** 29 });
    expect(refusals({ reported: { description } }, task, [running('o', other)])).toEqual({
      refused: ['resources: CPUs: 1 needed, 0.5 of 2 free'],
      text: 'no suitable node (insufficient resources on 1 node: 1 CPU needed, the most that is free is 0.5 on n1)',
    });
    const Status = { State: 'shutdown' as const, Timestamp };
    expect(refusals({ reported: { description } }, task, [running('o', { ...other, Status })]).text).toBe('');
  });

  it('resources: generic ones, countable and named', () => {
    const GenericResources = [
      { DiscreteResourceSpec: { Kind: 'ssd', Value: 2 } },
      { NamedResourceSpec: { Kind: 'gpu', Value: 'a' } },
      { NamedResourceSpec: { Kind: 'gpu', Value: 'b' } },
    ];
    const node = { reported: { description: { Resources: { GenericResources } } } };
    const want = (ssd: number, gpu: number) =>
      reserve({
        GenericResources: [
          { DiscreteResourceSpec: { Kind: 'ssd', Value: ssd } },
          { DiscreteResourceSpec: { Kind: 'gpu', Value: gpu } },
        ],
      });
    expect(refusals(node, want(2, 2)).text).toBe('');
    expect(refusals(node, want(3, 2)).refused).toEqual(['resources: ssd: 3 needed, 2 free']);
    const holder = running('o', {
      placement: {
        at: '',
        scores: {},
        genericResources: [{ NamedResourceSpec: { Kind: 'gpu', Value: 'a' } }],
      },
    });
    expect(refusals(node, want(1, 2), [holder]).refused).toEqual(['resources: gpu: 2 needed, 1 free']);
    const task = aTask('t', want(1, 1));
    const view = viewOf([aNode('n1', node)], [holder, task]);
    expect(schedule(ClusterState.from(view), [task], { now, seed: 0 }).placed[0]?.genericResources).toEqual([
      { DiscreteResourceSpec: { Kind: 'ssd', Value: 1 } },
      { NamedResourceSpec: { Kind: 'gpu', Value: 'b' } },
    ]);
  });

  it('hostPort: by protocol and port', () => {
    expect(refusals({}, webPort, [running('o', webPort)])).toEqual({
      refused: ['hostPort: in use: 80/tcp'],
      text: 'no suitable node (host-mode port already in use on 1 node: 80/tcp)',
    });
    const udp = { PublishMode: 'host' as const, PublishedPort: 80, Protocol: 'udp' as const };
    const chosenLater = { PublishMode: 'host' as const, PublishedPort: 0 };
    const other = { shoal: { specVersion: 1, ports: [udp, chosenLater] } };
    expect(refusals({}, webPort, [running('o', other)]).text).toBe('');
  });

  it('hostPort: by what listens on the host itself', () => {
    const listeners = [
      { protocol: 'udp', port: 53 },
      { protocol: 'tcp', port: 80, process: 'nginx', pid: 812 },
    ];
    const node = { reported: { listeners } };
    expect(refusals(node, webPort)).toEqual({
      refused: ['hostPort: in use: 80/tcp by "nginx" (pid 812)'],
      text: 'no suitable node (host-mode port already in use on 1 node: 80/tcp by "nginx" (pid 812))',
    });
    const tcpPort53 = { PublishMode: 'host' as const, PublishedPort: 53 };
    expect(refusals(node, { shoal: { specVersion: 1, ports: [tcpPort53] } }).text).toBe('');
  });

  it('maxReplicas: tasks that are meant to run count', () => {
    const limited = { Spec: { Placement: { MaxReplicas: 1 } } };
    expect(refusals({}, limited, [running('o', limited)])).toEqual({
      refused: ['maxReplicas: 1 tasks of the service on the node, at most 1 are allowed'],
      text: 'no suitable node (max replicas per node reached on 1 node)',
    });
    expect(refusals({}, limited, [running('o', { ...limited, DesiredState: 'shutdown' })]).text).toBe('');
  });

  it('assignedNode: a global task passes the filters on its own node only', () => {
    const { Slot: _, ...global } = aTask('t', { NodeID: 'n2', ...webPort });
    const blocker = running('o', { ...webPort, NodeID: 'n2' });
    const run = (nodes: Node[], others: Task[]) =>
      schedule(ClusterState.from(viewOf(nodes, [...others, global])), [global], { now, seed: 0 });
    const textOf = ({ pending: [first] }: Schedule) => first && pendingText(first.reasons);
    expect(run([aNode('n1'), aNode('n2')], []).placed).toMatchObject([{ taskId: 't', nodeId: 'n2' }]);
    expect(textOf(run([aNode('n1'), aNode('n2')], [blocker]))).toBe(
      'no suitable node (host-mode port already in use on 1 node: 80/tcp)',
    );
    expect(textOf(run([aNode('n1')], []))).toBe('no suitable node (node n2 does not exist)');
  });

  it('count each node once, the most frequent reason first', () => {
    const nodes = [
      aNode('n1', { judged: { state: 'down' } }),
      aNode('n2', { reported: { description: {} } }),
      aNode('n3', { reported: { description: {} } }),
    ];
    const task = aTask('t', reserve({ NanoCPUs: 5e8 }));
    const { pending } = schedule(ClusterState.from(viewOf(nodes, [task])), [task], { now, seed: 0 });
    expect(pending).toEqual([
      {
        taskId: 't',
        reasons: [
          {
            filter: 'resources',
            nodes: 2,
            missing: ['CPU'],
            text: 'insufficient resources on 2 nodes: 0.5 CPUs needed, none is free',
          },
          { filter: 'readiness', nodes: 1, text: '1 node not ready' },
        ],
      },
    ]);
    expect(pendingText(pending[0]?.reasons ?? [])).toBe(
      'no suitable node (insufficient resources on 2 nodes: 0.5 CPUs needed, none is free; 1 node not ready)',
    );
  });
});
