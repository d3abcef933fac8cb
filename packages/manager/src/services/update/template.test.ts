import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContainerSpec, ServiceSpec, TaskSpec } from '../../model/index.ts';
import { currentTarget } from '../new-task.ts';
import { fitsContainer, isSameTemplate } from './template.ts';

const target = (Spec: ServiceSpec) => currentTarget({ Spec, shoal: { specVersion: 1 } });
const template = (change: TaskSpec): ServiceSpec => ({
  TaskTemplate: { ContainerSpec: { Image: 'web:1' }, ...change },
});
const container = (change: ContainerSpec): ServiceSpec =>
  template({ ContainerSpec: { Image: 'web:1', ...change } });
const hostPorts = (...published: number[]): ServiceSpec => ({
  ...template({}),
  EndpointSpec: {
    Ports: published.map((PublishedPort) => ({
      TargetPort: 80,
      PublishedPort,
      PublishMode: 'host' as const,
    })),
  },
});
const published: ServiceSpec = { ...template({}), EndpointSpec: { Ports: [{ TargetPort: 80 }] } };
type Resources = NonNullable<TaskSpec['Resources']>;
const MiB = 2 ** 20;

const same = (a: ServiceSpec, b: ServiceSpec) => isSameTemplate(target(a), target(b));
const inPlace = (a: ServiceSpec, b: ServiceSpec) => fitsContainer(target(a), target(b));

describe('tasks are replaced', () => {
  it.each<[ServiceSpec, ServiceSpec]>([
    [template({}), template({ ForceUpdate: 1 })],
    [template({}), container({ Image: 'web:2' })],
    [template({}), container({ Init: false })],
    [template({}), container({ Labels: { a: '' } })],
    [container({ Command: ['a'] }), container({ Command: ['a', ''] })],
    [container({ Labels: { Condition: 'any' } }), container({ Labels: {} })],
    [template({}), template({ LogDriver: { Name: 'none' } })],
    [template({}), template({ Networks: [{ Target: 'n' }] })],
    [template({}), template({ Resources: { MemorySwappiness: 0 } })],
    [
      template({}),
      template({
        Resources: {
          Reservations: { GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 1 } }] },
        },
      }),
    ],
    [hostPorts(80), hostPorts(81)],
    [hostPorts(), hostPorts(80)],
    [template({}), published],
    [{ ...template({}), Labels: { 'shoal.network': 'service:db' } }, template({})],
    [{ ...template({}), Labels: { 'shoal.devices': '/dev/fuse' } }, template({})],
    [container({ Env: ['A=1', 'A=2'] }), container({ Env: ['A=2', 'A=1'] })],
  ])('when their container would be another: %j %j', (before, after) => {
    expect([inPlace(before, after), inPlace(after, before)]).toEqual([false, false]);
    expect(same(before, after)).toBe(false);
  });

  it.each<[Resources, Resources]>([
    [{ Limits: { NanoCPUs: 1e9 } }, {}],
    [{ Limits: { MemoryBytes: 64 * MiB } }, { Limits: { MemoryBytes: 0 } }],
    [{ Limits: { MemoryBytes: 64 * MiB }, SwapBytes: 0 }, { Limits: { MemoryBytes: 64 * MiB } }],
    [{ Reservations: { MemoryBytes: 64 * MiB } }, { Reservations: { MemoryBytes: 4 * MiB } }],
  ])('when a limit is taken away, but not when it is given: %j %j', (before, after) => {
    const [a, b] = [template({ Resources: before }), template({ Resources: after })];
    expect([inPlace(a, b), inPlace(b, a)]).toEqual([false, true]);
  });
});

describe('tasks keep their containers', () => {
  it.each<[ServiceSpec, ServiceSpec]>([
    [template({}), template({ RestartPolicy: { Condition: 'none', Delay: 0, MaxAttempts: 3 } })],
    [template({}), container({ StopGracePeriod: 0 })],
    [template({}), template({ Placement: { Constraints: ['node.role==worker'], MaxReplicas: 1 } })],
    [
      template({ Resources: { Limits: { NanoCPUs: 1e9, MemoryBytes: 64 * MiB, Pids: 5 } } }),
      template({ Resources: { Limits: { NanoCPUs: 2e9, MemoryBytes: 32 * MiB } } }),
    ],
    [
      template({ Resources: { Reservations: { NanoCPUs: 1e9, MemoryBytes: 64 * MiB } } }),
      template({ Resources: { Reservations: { NanoCPUs: 2e9, MemoryBytes: 99 * MiB } } }),
    ],
  ])('when what differs is said to their hosts: %j %j', (before, after) => {
    expect([inPlace(before, after), inPlace(after, before)]).toEqual([true, true]);
    expect(same(before, after)).toBe(false);
  });
});

describe('nothing changes', () => {
  it.each<[ServiceSpec, ServiceSpec]>([
    [
      template({}),
      { ...template({}), Labels: { a: 'b' }, Mode: { Replicated: { Replicas: 9 } }, UpdateConfig: {} },
    ],
    [template({}), template({ ForceUpdate: 0, Runtime: 'container', Networks: [], Placement: {} })],
    [
      template({}),
      template({ RestartPolicy: { Condition: 'any', Delay: 5e9, MaxAttempts: 0, Window: 0 }, Resources: {} }),
    ],
    [
      template({}),
      container({
        StopGracePeriod: 10e9,
        Isolation: 'default',
        DNSConfig: {},
        Privileges: { Seccomp: { Mode: 'default' }, AppArmor: { Mode: 'default' } },
      }),
    ],
    [
      container({ Mounts: [{ Source: '/a', Target: '/b' }] }),
      container({
        Mounts: [
          {
            Type: 'bind',
            Source: '/a',
            Target: '/b',
            Consistency: 'default',
            BindOptions: { Propagation: 'rprivate' },
          },
        ],
      }),
    ],
    [template({ Resources: { MemorySwappiness: -1 } }), template({})],
    // A Go client drops what is zero when it sends back what it has read.
    [container({ TTY: false, Env: [], Dir: '', DNSConfig: { Search: null } }), template({})],
    [hostPorts(80, 81), hostPorts(81, 80)],
    [
      container({
        Mounts: [
          { Source: 'b', Target: '/1' },
          { Source: 'a', Target: '/2' },
        ],
      }),
      container({
        Mounts: [
          { Target: '/2', Source: 'a' },
          { Source: 'b', Target: '/1' },
        ],
      }),
    ],
  ])('when the same is said in other words: %j %j', (before, after) => {
    expect([same(before, after), same(after, before)]).toEqual([true, true]);
    expect([inPlace(before, after), inPlace(after, before)]).toEqual([true, true]);
  });

  it('when a spec went through JSON', () => {
    const word = fc.string({ maxLength: 5 });
    const spec = fc.record({
      Image: word,
      Env: fc.option(fc.array(word)),
      Labels: fc.option(fc.dictionary(word, word)),
      Init: fc.option(fc.boolean()),
      TTY: fc.option(fc.boolean()),
    });
    fc.assert(
      fc.property(spec, (ContainerSpec) => {
        const before = { TaskTemplate: { ContainerSpec } };
        expect(same(before, JSON.parse(JSON.stringify(before)))).toBe(true);
      }),
    );
  });
});
