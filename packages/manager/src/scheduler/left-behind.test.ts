import { describe, expect, it } from 'vitest';
import type { Mount, Task } from '../model/index.ts';
import { aNode, aTask, type TaskChange } from '../testing.ts';
import { viewOf } from './arbitraries.fixture.ts';
import { volumesLeftBehind } from './left-behind.ts';

const data: Mount = { Type: 'volume', Source: 'data', Target: '/data' };
const using = (id: string, parts: TaskChange = {}, Mounts: Mount[] = [data]): Task =>
  aTask(id, { Spec: { ContainerSpec: { Image: 'db:1', Mounts } }, ...parts });
const ran = (id: string, NodeID: string, parts: TaskChange = {}, mounts?: Mount[]): Task =>
  using(
    id,
    {
      NodeID,
      CreatedAt: `2026-01-01T00:00:0${id}Z`,
      Status: {
        State: 'failed',
        Timestamp: '',
        container: { ContainerID: `c${id}`, PID: 0, ExitCode: 1 },
      },
      ...parts,
    },
    mounts,
  );
const nodes = ['n1', 'n2', 'n3'].map((id) =>
  aNode(id, { reported: { description: { Hostname: `h-${id}` } } }),
);
const left = (nodeId: string, history: Task[], task = using('new')) =>
  volumesLeftBehind(viewOf(nodes, [...history, task]), task, nodeId);

describe('a named volume of the host', () => {
  it('is left behind when its slot goes on elsewhere', () => {
    expect(left('n2', [ran('1', 'n1')])).toEqual([{ volume: 'data', host: 'h-n1' }]);
    expect(left('n1', [ran('1', 'n1')])).toEqual([]);
    expect(left('n2', [])).toEqual([]);
  });

  it('is judged by the newest task that had a container', () => {
    const rejected = using('9', {
      NodeID: 'n3',
      CreatedAt: '2026-01-01T00:00:09Z',
      Status: { State: 'rejected', Timestamp: '' },
    });
    expect(left('n3', [rejected, ran('2', 'n2'), ran('1', 'n1')])).toEqual([
      { volume: 'data', host: 'h-n2' },
    ]);
    expect(left('n2', [ran('2', 'n2'), ran('1', 'n1')])).toEqual([]);
  });

  it('stays behind for those that follow on the same host', () => {
    const leftBehind = [
      { volume: 'data', host: 'h-n1' },
      { volume: 'gone', host: 'h-n1' },
    ];
    const placement = { at: '', scores: {}, leftBehind };
    expect(left('n2', [ran('2', 'n2', { placement })])).toEqual([{ volume: 'data', host: 'h-n1' }]);
  });

  it('is none of another slot, and named by the node’s id once the node is gone', () => {
    expect(left('n2', [ran('1', 'n1', { Slot: 2 })])).toEqual([]);
    expect(left('n2', [ran('1', 'n9')])).toEqual([{ volume: 'data', host: 'n9' }]);
  });

  it.each<Mount>([
    { Type: 'volume', Target: '/data' },
    { Type: 'bind', Source: '/data', Target: '/data' },
    { ...data, VolumeOptions: { DriverConfig: { Name: 'ceph' } } },
    {
      ...data,
      VolumeOptions: { DriverConfig: { Name: 'local', Options: { type: 'nfs', device: ':/data' } } },
    },
  ])('is nothing that has no name, or may be shared: %j', (mount) => {
    expect(left('n2', [ran('1', 'n1', {}, [mount])], using('new', {}, [mount]))).toEqual([]);
  });
});
