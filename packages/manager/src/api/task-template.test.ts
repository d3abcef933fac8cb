import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServiceSpec, TaskSpec } from '../model/index.ts';
import { needsNewTasks } from './task-template.ts';
import { aSpec } from './testing.ts';

const template = (change: TaskSpec): ServiceSpec =>
  aSpec({ TaskTemplate: { ContainerSpec: { Image: 'web:1' }, ...change } });
const ports = (...published: number[]): ServiceSpec =>
  aSpec({
    EndpointSpec: {
      Ports: published.map((PublishedPort) => ({
        TargetPort: 80,
        PublishedPort,
        PublishMode: 'host' as const,
      })),
    },
  });

describe('tasks are replaced', () => {
  it.each<[ServiceSpec, ServiceSpec]>([
    [template({}), template({ ForceUpdate: 1 })],
    [template({}), template({ ContainerSpec: { Image: 'web:2' } })],
    [template({}), template({ RestartPolicy: { Delay: 0 } })],
    [template({}), template({ ContainerSpec: { Image: 'web:1', Init: false } })],
    [template({}), template({ ContainerSpec: { Image: 'web:1', Labels: { a: '' } } })],
    [
      template({ ContainerSpec: { Image: 'web:1', Command: ['a'] } }),
      template({ ContainerSpec: { Image: 'web:1', Command: ['a', ''] } }),
    ],
    [ports(80), ports(81)],
    [ports(), ports(80)],
    [
      template({ ContainerSpec: { Image: 'web:1', Env: ['A=1', 'A=2'] } }),
      template({ ContainerSpec: { Image: 'web:1', Env: ['A=2', 'A=1'] } }),
    ],
  ])('when what they are made from differs: %j %j', (before, after) => {
    expect(needsNewTasks(before, after)).toBe(true);
    expect(needsNewTasks(after, before)).toBe(true);
  });

  it.each<[ServiceSpec, ServiceSpec]>([
    [aSpec(), aSpec({ Labels: { a: 'b' }, Mode: { Replicated: { Replicas: 9 } }, UpdateConfig: {} })],
    [template({}), template({ ForceUpdate: 0, Runtime: 'container', Networks: [], Placement: {} })],
    // A Go client drops what is zero when it sends back what it has read.
    [
      template({
        ContainerSpec: { Image: 'web:1', TTY: false, Env: [], Dir: '', DNSConfig: { Search: null } },
      }),
      template({}),
    ],
    [ports(80, 81), ports(81, 80)],
    [
      template({
        ContainerSpec: {
          Mounts: [
            { Source: 'b', Target: '/1' },
            { Source: 'a', Target: '/2' },
          ],
        },
      }),
      template({
        ContainerSpec: {
          Mounts: [
            { Target: '/2', Source: 'a' },
            { Source: 'b', Target: '/1' },
          ],
        },
      }),
    ],
  ])('not when it means the same: %j %j', (before, after) => {
    expect(needsNewTasks(before, after)).toBe(false);
    expect(needsNewTasks(after, before)).toBe(false);
  });

  it('not when a spec went through JSON', () => {
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
        const before = aSpec({ TaskTemplate: { ContainerSpec } });
        expect(needsNewTasks(before, JSON.parse(JSON.stringify(before)))).toBe(false);
      }),
    );
  });
});
