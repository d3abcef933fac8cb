import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import { describe, expect, it } from 'vitest';
import { toContainer, toListed } from './observe.ts';

const owner = { nodeId: 'n1', clusterId: 'k1' };

/** The part of Docker's answer that is read. */
function inspected(state: object, more: object = {}): ContainerInspectInfo {
  const base = { Status: 'running', Pid: 7, ExitCode: 0, OOMKilled: false, Error: '' };
  return {
    Id: 'c1',
    State: { ...base, ...state },
    Config: { Labels: {} },
    HostConfig: {},
    NetworkSettings: { Ports: {} },
    ...more,
  } as ContainerInspectInfo;
}

function listed(more: Partial<ContainerInfo>): ContainerInfo {
  const labels = { 'shoal.task.id': 't1', 'shoal.node.id': 'n1', 'shoal.cluster.id': 'k1' };
  return {
    Id: 'c1',
    Names: ['/web.1.t1'],
    State: 'running',
    Status: 'Up',
    Labels: labels,
    ...more,
  } as ContainerInfo;
}

describe('a container', () => {
  it('has the state, health and stop timeout that Docker says', () => {
    const Health = { Status: 'healthy', FailingStreak: 0, Log: [] };
    const info = inspected({ Health }, { Config: { Labels: {}, StopTimeout: 3 } });
    expect(toContainer(info)).toMatchObject({ phase: 'running', health: 'healthy', stopTimeoutMs: 3_000 });
    expect(toContainer(inspected({}))).toMatchObject({ health: 'none', stopTimeoutMs: 10_000 });
  });

  it('has its limit, and whether it was killed for want of memory', () => {
    const info = inspected({ OOMKilled: true }, { HostConfig: { Memory: 2 ** 26 } });
    expect(toContainer(info)).toMatchObject({ oomKilled: true, limits: { memory: 2 ** 26 } });
    expect(toContainer(inspected({}))).toMatchObject({ oomKilled: false, limits: { memory: 0 } });
  });

  it('has each port once, with the number that Docker picked', () => {
    const Ports = {
      '80/tcp': [
        { HostIp: '::', HostPort: '49154' },
        { HostIp: '0.0.0.0', HostPort: '49153' },
      ],
      '53/udp': [{ HostIp: '::', HostPort: '53' }],
      '9000/tcp': null,
    };
    expect(toContainer(inspected({}, { NetworkSettings: { Ports } })).ports).toEqual([
      { protocol: 'tcp', target: 80, published: 49_153, name: '' },
      { protocol: 'udp', target: 53, published: 53, name: '' },
    ]);
  });
});

describe('a list', () => {
  it.each([
    ['Up 2 minutes', 'none'],
    ['Up 2 minutes (healthy)', 'healthy'],
    ['Up 1 second (health: starting)', 'starting'],
    ['Up 1 hour (unhealthy)', 'unhealthy'],
    ['Up 1 hour (Paused)', 'none'],
  ])('%s', (Status, health) => {
    expect(toListed(listed({ Status }), owner)).toMatchObject({ taskId: 't1', name: 'web.1.t1', health });
  });

  it('leaves out containers of other clusters, and says which are of other nodes', () => {
    expect(toListed(listed({}), owner)).not.toHaveProperty('otherNode');
    expect(toListed(listed({}), { ...owner, nodeId: 'n2' })).toMatchObject({ taskId: 't1', otherNode: 'n1' });
    expect(toListed(listed({}), { ...owner, clusterId: 'k2' })).toBeUndefined();
    expect(toListed(listed({ Labels: {} }), owner)).toBeUndefined();
  });
});
