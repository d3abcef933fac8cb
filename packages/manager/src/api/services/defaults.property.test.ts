import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ServiceSpec, TaskSpec } from '../../model/index.ts';
import { currentTarget, isSameTemplate } from '../../services/index.ts';
import { memoryBackend } from '../../store/backends/memory.ts';
import { Store } from '../../store/index.ts';
import { aService } from '../../testing.ts';
import { withDefaults } from './defaults.ts';

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const amount = fc.constantFrom(0, 1e9, 10e9);

const aTemplate: fc.Arbitrary<TaskSpec> = fc.record(
  {
    ContainerSpec: fc.record(
      {
        Image: fc.constantFrom('web:1', 'web:2'),
        StopGracePeriod: maybe(amount),
        DNSConfig: maybe(fc.record({ Search: maybe(fc.constant([])) }, { requiredKeys: [] })),
        Init: maybe(fc.boolean()),
      },
      { requiredKeys: [] },
    ),
    RestartPolicy: maybe(
      fc.record(
        {
          Condition: maybe(fc.constantFrom('any' as const, 'none' as const)),
          Delay: maybe(amount),
          MaxAttempts: maybe(fc.nat(2)),
          Window: maybe(amount),
        },
        { requiredKeys: [] },
      ),
    ),
    Resources: maybe(
      fc.record({ Limits: maybe(fc.record({ NanoCPUs: maybe(amount) })) }, { requiredKeys: [] }),
    ),
    Placement: maybe(fc.record({ Constraints: maybe(fc.constant([])) }, { requiredKeys: [] })),
  },
  { requiredKeys: [] },
);

it('a spec that came back with its defaults filled in is the same', async () => {
  const store = await Store.open(memoryBackend(), () => 0);
  const target = (Spec: ServiceSpec) => currentTarget({ Spec, shoal: { specVersion: 1 } });
  fc.assert(
    fc.property(aTemplate, (TaskTemplate) => {
      const service = aService('web', { Spec: { Name: 'web', TaskTemplate } });
      const { Spec } = withDefaults(store.view, service);
      expect(isSameTemplate(target(service.Spec), target(Spec))).toBe(true);
    }),
  );
});
