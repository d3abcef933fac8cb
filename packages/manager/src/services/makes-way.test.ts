import { expect, it, vi } from 'vitest';
import { isWanted, type Service, type ServiceSpec, stateOf } from '../model/index.ts';
import { aService } from '../testing.ts';
import { withLoops } from './loops.fixture.ts';

const open = withLoops();

const aServiceOf = (Name: string, change: Partial<ServiceSpec> = {}): Service =>
  aService(Name, {
    Spec: {
      Name,
      TaskTemplate: { ContainerSpec: { Image: 'web:1' } },
      Mode: { Replicated: { Replicas: 1 } },
      ...change,
    },
  });

it.each([undefined, 'stop-first', 'start-first'] as const)(
  'an update with order %s stops nothing for a task that lacks no room, but a neighbour',
  async (Order) => {
    const UpdateConfig = { FailureAction: 'pause' as const, ...(Order && { Order }) };
    const web = aServiceOf('web', { Labels: { 'shoal.affinity': 'db' }, UpdateConfig });
    const { store } = await open(2, [aServiceOf('db'), web]);
    await vi.advanceTimersByTimeAsync(10_000);
    const serving = () =>
      store.view.tasks
        .by('service', 'web')
        .filter((task) => isWanted(task) && stateOf(task) === 'running')
        .map(({ ID }) => ID);
    const before = serving();
    expect(before).toHaveLength(1);
    const change = (id: string, spec: Partial<ServiceSpec>, versions: number) =>
      store.update((tx) => {
        const service = tx.services.get(id);
        if (!service) return;
        const specVersion = service.shoal.specVersion + versions;
        tx.services.update({
          ...service,
          Spec: { ...service.Spec, ...spec },
          shoal: { ...service.shoal, specVersion },
        });
      });
    await change('db', { Mode: { Replicated: { Replicas: 0 } } }, 0);
    await vi.advanceTimersByTimeAsync(5_000);
    await change('web', { TaskTemplate: { ContainerSpec: { Image: 'web:2' } } }, 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(serving()).toEqual(before);
    expect(store.view.services.get('web')?.UpdateStatus?.Message).toContain('affinity not satisfied');
  },
);
