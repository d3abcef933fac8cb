import type { Service, ServiceSpec } from '../../model/index.ts';

/** An update that is not over may go back to the spec before. */
const unfinished = ['updating', 'paused', 'rollback_started', 'rollback_paused'];

/** The specs by which the service has tasks, or may soon have some: what they name can't be removed. */
export const specsInUse = ({ Spec, PreviousSpec, UpdateStatus }: Service): ServiceSpec[] =>
  PreviousSpec && unfinished.includes(UpdateStatus?.State ?? '') ? [Spec, PreviousSpec] : [Spec];
