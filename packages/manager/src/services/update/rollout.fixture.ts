/** What the tests of rolling updates have in common. */
import { expect } from 'vitest';
import { isWanted, type ServiceSpec, type UpdateConfig } from '../../model/index.ts';
import { Simulation } from '../simulation.fixture.ts';

export const second = 1_000;

/** Three replicas of web:1 that run. */
export async function cluster(spec: Partial<ServiceSpec> = {}): Promise<Simulation> {
  const simulation = await Simulation.open(3);
  await simulation.change({ Mode: { Replicated: { Replicas: 3 } }, ...spec });
  await simulation.run(2 * second);
  return simulation;
}

export const updating = (UpdateConfig: UpdateConfig, RollbackConfig: UpdateConfig = {}) =>
  cluster({ UpdateConfig, RollbackConfig });

export const images = ({ tasks }: Simulation) =>
  tasks
    .filter(isWanted)
    .map(({ Spec }) => Spec.ContainerSpec?.Image)
    .sort();

export const status = ({ service }: Simulation) => service.UpdateStatus;

/** Runs until `done`, checking `always` after every step. */
export async function until(
  simulation: Simulation,
  done: () => boolean,
  always: () => void = () => undefined,
) {
  for (const end = simulation.now + 120 * second; !done(); ) {
    expect(simulation.now, 'it never came to that').toBeLessThan(end);
    await simulation.tick();
    always();
  }
}

export const hasState = (simulation: Simulation, state: string) => () => status(simulation)?.State === state;
