/**
 * Raised whenever stored objects change their form, with a step below that brings those of the form before to it. What changed with
 * format 4, how secrets are sealed, needs a key, so the manager does it when it begins to lead. A new table raises it, too: the release
 * before does not read a state with a table that it does not know, and `shoal upgrade` brings it back with the copy. Format 5 has events.
 */
export const format = 5;

/** Of a format that `upgrade` knows to read. */
export const isReadable = (from: number): boolean => from >= 1 && from <= format;

/** An object as a manager that wrote format `from` stored it, in the form of today. */
export function upgrade(from: number, table: string, object: object): object {
  if (from < 2 && table === 'tasks') return taskInParts(object as TaskOfFormat1);
  if (from < 3 && table === 'nodes') return nodeWithKey(object as NodeOfFormat2);
  if (from < 3 && table === 'clusters') return withoutTokens(object);
  return object;
}

interface NodeOfFormat2 {
  readonly allotted: { readonly secretHash?: string };
}

/** Nobody has shown a certificate yet, nor has the key of this node: its host has to join anew. */
function nodeWithKey({ allotted: { secretHash: _, ...allotted }, ...node }: NodeOfFormat2): object {
  return { ...node, allotted: { ...allotted, keyHash: '', signedBy: '' } };
}

/** They were in the clear. The cluster gets an authority, and others with it, when its manager begins to lead. */
function withoutTokens({ JoinTokens: _, ...cluster }: { readonly JoinTokens?: object }): object {
  return cluster;
}

interface TaskOfFormat1 {
  readonly Status: {
    readonly Timestamp: string;
    readonly State: string;
    readonly Message?: string;
    readonly Err?: string;
    readonly OOMKilled?: true;
    readonly startRefused?: true;
    readonly cutOff?: true;
    readonly limitsRefused?: string;
    readonly ContainerStatus?: object;
    readonly PortStatus: { readonly Ports?: object[] };
  };
  readonly GenericResources?: object[];
  readonly shoal: { readonly specVersion: number; readonly placement?: object; readonly pending?: object };
}

/** Why a task waits is left out: the loops say it anew at their start. */
function taskInParts({ Status, GenericResources: genericResources, shoal, ...task }: TaskOfFormat1): object {
  const { placement, pending: _, ...internals } = shoal;
  const { State: state, Timestamp: at, Message: message, Err: err, OOMKilled: oomKilled } = Status;
  const { startRefused, cutOff, limitsRefused: why, ContainerStatus: container, PortStatus } = Status;
  const parts = { ...task, shoal: internals };
  if (state === 'pending') return parts;
  const placed = { ...parts, placement: { at, scores: {}, ...placement, genericResources } };
  if (state === 'assigned') return placed;
  if (state === 'orphaned') return { ...placed, nodeRemovedAt: at };
  const limitsRefused = why === undefined ? undefined : { why, specVersion: shoal.specVersion };
  const ports = PortStatus.Ports;
  return {
    ...placed,
    observed: { state, at, message, err, oomKilled, startRefused, cutOff, limitsRefused, container, ports },
  };
}
