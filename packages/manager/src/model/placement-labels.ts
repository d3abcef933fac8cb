/** Labels of a service that say on which nodes its tasks may be, beside Docker's own `Placement`. */

/**
 * Of a task whose local volume is on a host that can't take it: it waits (`stay`, the default), or begins with an empty
 * one elsewhere (`new`).
 */
export const volumeLabel = 'shoal.volume';

type Labels = Readonly<Record<string, string>>;

/** Whether the service's tasks may begin with an empty volume while the host that has theirs can't take them. */
export const mayBeginEmpty = (labels: Labels | null | undefined): boolean => labels?.[volumeLabel] === 'new';

/** What is wrong with the first of these labels that can't be read; undefined when all is well. */
export function placementLabelTrouble(labels: Labels | null | undefined): string | undefined {
  const volume = labels?.[volumeLabel];
  if (volume !== undefined && volume !== 'stay' && volume !== 'new')
    return `Labels["${volumeLabel}"]: must be stay or new, got "${volume}"`;
  return undefined;
}
