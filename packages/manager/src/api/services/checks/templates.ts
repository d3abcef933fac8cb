import { expanded, type Surroundings } from '../../../container-body/index.ts';
import type { ContainerSpec, ServiceSpec } from '../../../model/index.ts';
import { TemplateError } from '../../../template/index.ts';
import { badRequest } from '../../http/index.ts';

/** What a template may name, as it could be for a task of this service. */
export const exampleFor = ({ Name, Labels }: ServiceSpec): Surroundings => ({
  Service: { ID: 'service', Name: Name ?? '', Labels: new Map(Object.entries(Labels ?? {})) },
  Node: { ID: 'node', Hostname: 'node', Platform: { Architecture: 'x86_64', OS: 'linux' } },
  Task: { ID: 'task', Name: `${Name ?? ''}.1.task`, Slot: '1' },
});

/** The container of a task as it could be, without templates. Throws 400 for one that can't be filled in. */
export function exampleOf(spec: ServiceSpec, container: ContainerSpec): ContainerSpec {
  try {
    return expanded(container, exampleFor(spec));
  } catch (error) {
    if (error instanceof TemplateError) throw badRequest(`TaskTemplate.ContainerSpec.${error.message}`);
    throw error;
  }
}
