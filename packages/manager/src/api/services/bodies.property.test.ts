import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServiceSpec } from '../../model/index.ts';
import { anApi } from '../testing.ts';

const full: ServiceSpec = {
  Name: 'web',
  Labels: { a: 'b' },
  TaskTemplate: {
    ContainerSpec: {
      Image: 'web:1',
      Env: ['A=b'],
      Command: ['sleep'],
      Mounts: [
        { Type: 'volume', Source: 'data', Target: '/v', VolumeOptions: { DriverConfig: { Name: 'local' } } },
      ],
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9 },
      DNSConfig: { Nameservers: ['1.1.1.1'] },
      Privileges: { SELinuxContext: { User: 'u' } },
      Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
      StopGracePeriod: 1e9,
    },
    Resources: {
      Limits: { NanoCPUs: 1e9 },
      Reservations: { GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 1 } }] },
    },
    RestartPolicy: { Condition: 'any', Delay: 1 },
    Placement: {
      Constraints: ['node.role==worker'],
      Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }],
    },
    LogDriver: { Name: 'json-file', Options: { a: 'b' } },
  },
  Mode: { Replicated: { Replicas: 2 } },
  UpdateConfig: { Parallelism: 1, Order: 'start-first' },
  EndpointSpec: { Mode: 'vip', Ports: [{ TargetPort: 80, PublishedPort: 80, PublishMode: 'host' }] },
};

type Path = readonly (string | number)[];

const pathsOf = (value: unknown, path: Path = []): Path[] => [
  path,
  ...(typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, item]) =>
        pathsOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
      )
    : []),
];

/** `root` with another value at `path`. */
function replaced(root: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(root)) return root.map((item, i) => (i === key ? replaced(item, rest, value) : item));
  const object = root as Record<string, unknown>;
  return { ...object, [key]: replaced(object[key], rest, value) };
}

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, '', 0, -1, 1e300, 2 ** 53, [], {}, [null], '{{.Task.ID}}', '__proto__'),
);

describe('whatever the body', () => {
  it('the service is created, or refused with 400 and nothing changed', async () => {
    const { call, store } = await anApi();
    expect((await call('POST', '/services/create', { ...full, Name: 'whole' })).status).toBe(201);
    const bodies = fc
      .tuple(fc.constantFrom(...pathsOf(full)), odd)
      .map(([path, value]) => replaced(full, path, value));
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const before = store.revision;
        const { status, body: answer } = await call('POST', '/services/create', body);
        expect(status).toBeOneOf([201, 400]);
        if (status === 400) {
          expect(answer.message).not.toBe('');
          expect(store.revision).toBe(before);
        } else {
          expect((await call('GET', `/services/${answer.ID}?insertDefaults=true`)).status).toBe(200);
          await call('DELETE', `/services/${answer.ID}`);
        }
      }),
      { numRuns: 300 },
    );
  });
});
