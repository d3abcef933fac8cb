import { describe, expect, it } from 'vitest';
import type { Mount, Service, Task } from '../model/index.ts';
import { aNode, aService } from '../testing.ts';
import { at, decide, ended, nodesOf, type TaskParts, task } from './testing.ts';

const data: Mount = { Type: 'volume', Source: 'data', Target: '/data' };
const specWith = (...Mounts: Mount[]) => ({ ContainerSpec: { Image: 'db:1', Mounts } });

const aDb = (change: Partial<Service['shoal']> = {}, replicas = 1, ...mounts: Mount[]): Service =>
  aService('web', {
    Spec: {
      TaskTemplate: specWith(...(mounts.length > 0 ? mounts : [data])),
      Mode: { Replicated: { Replicas: replicas } },
    },
    shoal: { specVersion: 1, ...change },
  });
const using = (id: string, parts: TaskParts = {}, ...mounts: Mount[]): Task =>
  task(id, {
    ...parts,
    change: { Spec: specWith(...(mounts.length > 0 ? mounts : [data])), ...parts.change },
  });
const failed = (id: string, parts: TaskParts = {}) =>
  ended(id, { ...parts, change: { Spec: specWith(data), ...parts.change } });
const container = { ContainerID: 'c', PID: 0, ExitCode: 1 };

describe('which node has what a slot wrote', () => {
  it('is put on record once its task runs', () => {
    expect(decide({ service: aDb(), tasks: [using('a')] }).service?.shoal.volumes).toEqual({
      'slot:1': { data: 'n1' },
    });
    expect(decide({ service: aDb(), tasks: [using('a', { state: 'starting' })] }).service).toBeDefined();
    for (const state of ['assigned', 'preparing', 'ready'] as const)
      expect(decide({ service: aDb(), tasks: [using('a', { state })] }).service).toBe(undefined);
  });

  it('is told by a task that has failed where nothing else is known', () => {
    const Status = { State: 'failed', Timestamp: '', container } as const;
    const tasks = [failed('a', { node: 'n2', change: { Status } })];
    expect(decide({ service: aDb(), tasks }).service?.shoal.volumes).toEqual({ 'slot:1': { data: 'n2' } });
    const known = aDb({ volumes: { 'slot:1': { data: 'n1' } } });
    expect(decide({ service: known, tasks }).service).toBe(undefined);
  });

  it('is not told by one that its host refused', () => {
    const rejected = failed('a', { state: 'rejected', change: { DesiredState: 'shutdown' } });
    const Status = { State: 'failed', Timestamp: '', container, startRefused: true } as const;
    expect(decide({ service: aDb(), tasks: [rejected] }).service).toBe(undefined);
    expect(decide({ service: aDb(), tasks: [failed('b', { change: { Status } })] }).service).toBe(undefined);
  });

  it('is the node of the newest task that runs', () => {
    const service = aDb({ volumes: { 'slot:1': { data: 'n1', logs: 'n3' } } });
    const { service: next } = decide({ service, tasks: [using('a', { node: 'n2' })] });
    expect(next?.shoal.volumes).toEqual({ 'slot:1': { data: 'n2', logs: 'n3' } });
  });

  it('stays on record while a slot is scaled away', () => {
    const volumes = { 'slot:1': { data: 'n1' }, 'slot:2': { data: 'n2' } };
    const service = aDb({ volumes }, 1);
    const tasks = [using('a'), using('b', { slot: 2, node: 'n2' })];
    expect(decide({ service, tasks }).service).toBe(undefined);
  });

  it.each<Mount>([
    { Type: 'volume', Target: '/data' },
    { Type: 'bind', Source: '/data', Target: '/data' },
    { ...data, VolumeOptions: { DriverConfig: { Name: 'ceph' } } },
    { ...data, VolumeOptions: { DriverConfig: { Name: 'local', Options: { type: 'nfs', device: ':/x' } } } },
  ])('matters to no volume that has no name, or may be shared: %j', (mount) => {
    expect(decide({ service: aDb({}, 1, mount), tasks: [using('a', {}, mount)] }).service).toBe(undefined);
  });
});

describe('a task that runs beside its successor', () => {
  const outdated = using('a');
  const waits = using('b', {
    node: '',
    state: 'pending',
    shoal: { specVersion: 2, replaces: 'a', stopFirst: true },
    change: { Status: { State: 'pending', Err: 'no suitable node' } },
  });
  const stopped = (service: Service): string[] => {
    const nodes = nodesOf(aNode('n1', { Spec: { Availability: 'pause' } }), aNode('n2'));
    const UpdateStatus = { State: 'updating' as const, StartedAt: at(59_000) };
    const { update } = decide({ service: { ...service, UpdateStatus }, tasks: [outdated, waits], nodes });
    return update.filter(({ DesiredState }) => DesiredState === 'shutdown').map(({ ID }) => ID);
  };

  it('is not stopped while only the node of its volume could take that one, and does not', () => {
    expect(stopped(aDb({ specVersion: 2 }))).toEqual([]);
    expect(stopped(aDb({ specVersion: 2 }, 1, { Type: 'bind', Source: '/data', Target: '/data' }))).toEqual([
      'a',
    ]);
  });
});
