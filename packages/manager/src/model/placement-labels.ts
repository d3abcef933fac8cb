/** Labels of a service that say on which nodes its tasks may be, beside Docker's own `Placement`. */

/**
 * Of a task whose local volume is on a host that can't take it: it waits (`stay`, the default), or begins with an empty
 * one elsewhere (`new`).
 */
export const volumeLabel = 'shoal.volume';
/** Services beside whose tasks this one's go: `NAME` (on the same host) or `NAME:node.labels.X`, with commas between. */
export const affinityLabel = 'shoal.affinity';
/** Services beside whose tasks none of this one's may be, nor theirs beside these; as in `shoal.affinity`. */
export const antiAffinityLabel = 'shoal.anti-affinity';
/** `spread` (default): on the emptiest nodes, evenly; `binpack`: on the fullest that have room. */
export const placementStrategyLabel = 'shoal.strategy.placement';

export const placementLabels = [
  volumeLabel,
  affinityLabel,
  antiAffinityLabel,
  placementStrategyLabel,
] as const;

type Labels = Readonly<Record<string, string>>;

/** Whether the service's tasks may begin with an empty volume while the host that has theirs can't take them. */
export const mayBeginEmpty = (labels: Labels | null | undefined): boolean => labels?.[volumeLabel] === 'new';

/** Whether the service's tasks fill one node after the other. */
export const wantsBinpack = (labels: Labels | null | undefined): boolean =>
  labels?.[placementStrategyLabel] === 'binpack';

/** Tasks of another service, and how near to them. */
export interface Neighbour {
  /** The other service's name. */
  readonly service: string;
  /** `node.labels.X` or `engine.labels.X`: on nodes where it is the same; undefined: on the same node. */
  readonly per?: string;
}

// A service's name as Docker has it, and a descriptor as spread preferences take it.
const neighbourPattern =
  /^([a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?)(?::((?:node|engine)\.labels\.[^\s,]+))?$/;

/** What `shoal.affinity` or `shoal.anti-affinity` names; undefined where it can't be read. */
function parseNeighbours(text: string): Neighbour[] | undefined {
  const parsed = text.split(',').flatMap((part) => {
    const [, service, per] = neighbourPattern.exec(part.trim()) ?? [];
    return service === undefined ? [] : [{ service, ...(per !== undefined && { per }) }];
  });
  return parsed.length === text.split(',').length ? parsed : undefined;
}

const none: readonly Neighbour[] = [];

export const neighboursOf = (
  labels: Labels | null | undefined,
  label: typeof affinityLabel | typeof antiAffinityLabel,
): readonly Neighbour[] => {
  const text = labels?.[label];
  return text === undefined ? none : (parseNeighbours(text) ?? none);
};

/** What is wrong with the first of these labels that can't be read; undefined when all is well. */
export function placementLabelTrouble(labels: Labels | null | undefined): string | undefined {
  const { [volumeLabel]: volume, [placementStrategyLabel]: strategy } = labels ?? {};
  if (volume !== undefined && volume !== 'stay' && volume !== 'new')
    return `Labels["${volumeLabel}"]: must be stay or new, got "${volume}"`;
  if (strategy !== undefined && strategy !== 'spread' && strategy !== 'binpack')
    return `Labels["${placementStrategyLabel}"]: must be spread or binpack, got "${strategy}"`;
  for (const label of [affinityLabel, antiAffinityLabel]) {
    const text = labels?.[label];
    if (text !== undefined && !parseNeighbours(text))
      return `Labels["${label}"]: must be SERVICE or SERVICE:node.labels.NAME, with commas between several, got "${text}"`;
  }
  return undefined;
}
