import { isDeepStrictEqual } from 'node:util';
import type { Change } from './change.ts';
import type { TableName } from './tables.ts';

/** Who writes to the store: the loops, liveness, the sessions with agents, people through the API, and the manager at its start. */
export type Writer =
  | 'people'
  | 'agents'
  | 'liveness'
  | 'services'
  | 'cron'
  | 'moves'
  | 'scheduler'
  | 'allocator'
  | 'trust'
  | 'manager';

type Parts = Readonly<Record<string, readonly Writer[]>>;

const planners: readonly Writer[] = ['services', 'moves'];
const nobody: readonly Writer[] = [];

/**
 * Who may change which part of an object that is there; whoever creates it fills all of it. `shoal.x` is a part of its
 * own where it is named here, else of `shoal`.
 */
const owners: Readonly<Record<TableName, Parts>> = {
  clusters: {
    managerPorts: ['manager'],
    term: ['manager'],
    beatMs: ['liveness'],
    restored: ['people', 'manager'],
    trust: ['people', 'trust', 'manager'],
    sealing: ['people', 'manager'],
    Labels: ['people'],
    TaskHistoryRetentionLimit: ['people'],
  },
  configs: { Spec: ['people'], contents: ['people'] },
  // What is recorded of a change that somebody else makes is no change of its own, and is not looked at.
  eventMarks: { untilUs: ['agents'], count: ['agents'] },
  // Made and removed, never changed.
  events: {},
  networks: { Spec: nobody, shoal: ['allocator', 'people', 'agents'] },
  nodes: {
    Spec: ['people'],
    replacedIndex: ['people'],
    reported: ['agents'],
    allotted: ['agents'],
    judged: ['liveness'],
    flapping: ['liveness'],
  },
  secrets: { Spec: ['people'], contents: ['people'] },
  services: {
    Spec: ['people', 'services'],
    PreviousSpec: ['people', 'services'],
    UpdateStatus: ['people', 'services'],
    JobStatus: ['people', 'cron'],
    // The manager seals what earlier releases left in the clear.
    shoal: ['people', 'services', 'manager'],
    'shoal.attachments': ['allocator', 'people', 'services'],
    'shoal.ports': ['allocator', 'people', 'services'],
    'shoal.volumes': ['services'],
    'shoal.cron': ['cron', 'people'],
  },
  tasks: {
    Spec: ['services'],
    DesiredState: planners,
    NodeID: ['scheduler'],
    placement: ['scheduler'],
    unplaced: ['scheduler'],
    unaddressed: ['allocator'],
    observed: ['agents'],
    nodeRemovedAt: ['people'],
    shoal: planners,
    'shoal.attachments': ['allocator'],
  },
  // Made and revoked, never changed.
  tokens: {},
};

/** Somebody changed what is another's. That is a bug: nothing of the transaction is written. */
export class OwnerError extends Error {
  override readonly name = 'OwnerError';
}

/** Throws OwnerError when `writer` changed a part that is not its own. Its cost follows what was changed. */
export function checkOwners(writer: Writer, changes: readonly Change[]): void {
  for (const { table, id, before, after } of changes) {
    if (!before || !after) continue;
    const part = partOfOthers(writer, owners[table], fieldsOf(before), fieldsOf(after));
    if (part !== undefined)
      throw new OwnerError(`${writer} changed ${part} of ${table} ${id}, which is not its to write`);
  }
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (object: object): Fields => object as Fields;

/** What the store itself writes. */
const ofStore: ReadonlySet<string> = new Set(['ID', 'Version', 'CreatedAt', 'UpdatedAt']);

/** A part in which the two differ and that the writer does not own; undefined where there is none. */
function partOfOthers(writer: Writer, parts: Parts, before: Fields, after: Fields): string | undefined {
  for (const field of changed(before, after)) {
    if (ofStore.has(field)) continue;
    const [was, is] = [before[field], after[field]];
    if (field !== 'shoal') {
      if (!parts[field]?.includes(writer) && !isDeepStrictEqual(was, is)) return field;
      continue;
    }
    const [wasInside, isInside] = [fieldsOf(was ?? {}), fieldsOf(is ?? {})];
    for (const key of changed(wasInside, isInside)) {
      const part = parts[`shoal.${key}`] ? `shoal.${key}` : 'shoal';
      if (!parts[part]?.includes(writer) && !isDeepStrictEqual(wasInside[key], isInside[key])) return part;
    }
  }
  return undefined;
}

/** Names of the fields that are not one and the same in both: nearly all of an object is, from one version to the next. */
function changed(before: Fields, after: Fields): string[] {
  const names: string[] = [];
  for (const name in after) if (after[name] !== before[name]) names.push(name);
  for (const name in before) if (!(name in after)) names.push(name);
  return names;
}
