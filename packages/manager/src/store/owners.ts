import { isDeepStrictEqual } from 'node:util';
import type { Change } from './change.ts';
import type { TableName } from './tables.ts';

/** Who writes into the store: the loops, liveness, the agents' door, people by the API, and the manager at its start. */
export type Writer =
  | 'people'
  | 'agents'
  | 'liveness'
  | 'services'
  | 'moves'
  | 'scheduler'
  | 'allocator'
  | 'manager';

const planners: readonly Writer[] = ['services', 'moves'];
const nobody: readonly Writer[] = [];

/**
 * Who may change which part of an object that is there; whoever creates it fills all of it. `shoal.x` is a part of its
 * own where it is named here, else of `shoal`.
 */
const owners: Readonly<Record<TableName, Readonly<Record<string, readonly Writer[]>>>> = {
  clusters: { managerPorts: ['manager'], term: ['manager'], beatMs: ['liveness'] },
  networks: { Spec: nobody, shoal: ['allocator', 'people', 'agents'] },
  nodes: {
    Spec: ['people'],
    replacedIndex: ['people'],
    reported: ['agents'],
    allotted: ['agents'],
    judged: ['liveness'],
    flapping: ['liveness'],
  },
  services: {
    Spec: ['people', 'services'],
    PreviousSpec: ['people', 'services'],
    UpdateStatus: ['people', 'services'],
    shoal: ['people', 'services'],
    'shoal.attachments': ['allocator', 'people', 'services'],
    'shoal.ports': ['allocator', 'people', 'services'],
  },
  tasks: {
    Spec: ['services'],
    DesiredState: planners,
    // One that shares another's network goes where that one is.
    NodeID: ['scheduler', 'services'],
    GenericResources: ['scheduler'],
    // Shared still: what agents observed, and why the others let the task wait.
    Status: ['agents', 'scheduler', 'services', 'allocator', 'people'],
    shoal: planners,
    'shoal.placement': ['scheduler'],
    // Forgotten when the task gets another spec.
    'shoal.pending': ['scheduler', 'services'],
    'shoal.attachments': ['allocator'],
  },
};

/** Somebody changed what is another's. That is a bug: nothing of the transaction is written. */
export class OwnerError extends Error {
  override readonly name = 'OwnerError';
}

/** Throws OwnerError when `writer` changed a part that is not its own. Its cost follows what was changed. */
export function checkOwners(writer: Writer, changes: readonly Change[]): void {
  for (const { table, id, before, after } of changes) {
    if (!before || !after) continue;
    const parts = owners[table];
    const [was, is] = [partsOf(before, parts), partsOf(after, parts)];
    for (const part of new Set([...was.keys(), ...is.keys()])) {
      if (was.get(part) === is.get(part) || parts[part]?.includes(writer)) continue;
      if (!isDeepStrictEqual(was.get(part), is.get(part)))
        throw new OwnerError(`${writer} changed ${part} of ${table} ${id}, which is not its to write`);
    }
  }
}

/** What the store itself writes. */
const ofStore = new Set(['ID', 'Version', 'CreatedAt', 'UpdatedAt']);

function partsOf(object: object, named: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const parts = new Map<string, unknown>();
  for (const [field, value] of Object.entries(object)) {
    if (field !== 'shoal') {
      if (!ofStore.has(field)) parts.set(field, value);
      continue;
    }
    const rest: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(value as object)) {
      if (named[`shoal.${key}`]) parts.set(`shoal.${key}`, inner);
      else rest[key] = inner;
    }
    parts.set('shoal', rest);
  }
  return parts;
}
