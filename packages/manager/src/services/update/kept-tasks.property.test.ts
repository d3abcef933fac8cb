import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ServiceSpec } from '../../model/index.ts';
import { cluster, second, status } from './rollout.fixture.ts';

/** What may be changed about a service, and whether its tasks' containers have to be others for it. */
const change = fc.oneof(
  fc.record({
    kind: fc.constant('replicas' as const),
    to: fc.integer({ min: 3, max: 5 }),
    other: fc.constant(false),
  }),
  fc.record({
    kind: fc.constantFrom(
      'labels',
      'update rules',
      'rollback rules',
      'restart',
      'grace',
      'limits',
      'constraint',
    ),
    to: fc.integer({ min: 1, max: 9 }),
    other: fc.constant(false),
  }),
  fc.record({
    kind: fc.constantFrom('image', 'env', 'force'),
    to: fc.integer({ min: 1, max: 9 }),
    other: fc.constant(true),
  }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function changed({ TaskTemplate, ...spec }: ServiceSpec, { kind, to }: Change): Partial<ServiceSpec> {
  const container = TaskTemplate?.ContainerSpec;
  const template = (parts: object) => ({ TaskTemplate: { ...TaskTemplate, ...parts } });
  switch (kind) {
    case 'replicas':
      return { Mode: { Replicated: { Replicas: to } } };
    case 'labels':
      return { Labels: { ...spec.Labels, tier: `${to}`, 'shoal.ready.tcp': `${8_000 + to}` } };
    case 'update rules':
      return { UpdateConfig: { Parallelism: to, Delay: to * 1e9 } };
    case 'rollback rules':
      return { RollbackConfig: { Parallelism: to } };
    case 'restart':
      return template({ RestartPolicy: { Condition: 'any', Delay: to * 1e9 } });
    case 'grace':
      return template({ ContainerSpec: { ...container, StopGracePeriod: to * 1e9 } });
    case 'limits':
      return template({ Resources: { Limits: { MemoryBytes: (16 + to) * 2 ** 20 } } });
    case 'constraint':
      return template({ Placement: { Constraints: [`node.hostname!=other${to}`] } });
    case 'image':
      return template({ ContainerSpec: { ...container, Image: `web:${10 + to}` } });
    case 'env':
      return template({ ContainerSpec: { ...container, Env: [`N=${to}`] } });
    default:
      return template({ ForceUpdate: (TaskTemplate?.ForceUpdate ?? 0) + to });
  }
}

it('an update replaces the tasks whose containers have to be others, and none but those', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
      const simulation = await cluster({ UpdateConfig: { Parallelism: 0 } });
      for (const one of changes) {
        const before = simulation.running();
        const { Spec } = simulation.service;
        const next = changed(Spec, one);
        await simulation.change(next);
        await simulation.run(45 * second, 500);
        const isOther = one.other && JSON.stringify({ ...Spec, ...next }) !== JSON.stringify(Spec);
        const wanted = simulation.service.Spec.Mode?.Replicated?.Replicas ?? 0;
        const running = new Set(simulation.running().map(({ ID }) => ID));
        expect(running.size).toBe(wanted);
        const kept = before.filter(({ ID }) => running.has(ID)).length;
        expect(kept, one.kind).toBe(isOther ? 0 : Math.min(before.length, wanted));
        expect(status(simulation)?.State).toBe(isOther ? 'completed' : undefined);
      }
    }),
    { numRuns: 30 },
  );
});
