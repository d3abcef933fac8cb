import {
  type Elements,
  merge,
  type Part,
  type Rule,
  setNames,
  setShapes,
  type Table,
  type TablePlan,
  tableName,
} from './table.ts';
import { renderTimeouts, type TcpTimeouts } from './tcp-timeouts.ts';

/** What is in the kernel: of rules, only their ids are known. */
export interface PresentTable {
  readonly sets: ReadonlyMap<string, Elements>;
  /** Ids of the rules of each chain, in order. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/** One change of the table. A transaction runs them in order, all or none. */
export type Change =
  | { readonly kind: 'delete-table' }
  | { readonly kind: 'add-table' }
  | { readonly kind: 'add-set'; readonly set: string }
  | { readonly kind: 'add-timeouts'; readonly timeouts: TcpTimeouts }
  | { readonly kind: 'add-chain'; readonly chain: string; readonly base: string }
  | { readonly kind: 'fill-chain'; readonly chain: string; readonly rules: readonly Rule[] }
  | { readonly kind: 'delete-chain'; readonly chain: string }
  | { readonly kind: 'add-elements' | 'delete-elements'; readonly set: string; readonly elements: Elements };

/**
 * The changes that turn what is present into `desired`; none, if they agree. A missing table, or one of another shape, is
 * made in the same transaction that fills it.
 */
export function diffTable(present: PresentTable | undefined, desired: Table): Change[] {
  if (present && sameShape(present, desired)) return diffContent(present, desired);
  return [
    ...(present ? [{ kind: 'delete-table' } as const] : []),
    { kind: 'add-table' },
    ...setNames.map((set) => ({ kind: 'add-set', set }) as const),
    ...(desired.timeouts ? [{ kind: 'add-timeouts', timeouts: desired.timeouts } as const] : []),
    ...diffContent(nothing, desired),
  ];
}

/**
 * The changes that turn `before` into `after`, found by looking only at the parts that are not the same. `chains`: all that there
 * are. A chain that services share stays, even if none needs it any more, until the table is compared as a whole.
 */
export function diffPlans(before: TablePlan, after: TablePlan, chains: PresentTable['chains']): Change[] {
  const old: Part[] = [];
  const young: Part[] = [];
  const compare = (was: Part | undefined, is: Part | undefined) => {
    if (was === is) return;
    if (was) old.push(was);
    if (is) young.push(is);
  };
  compare(before.base, after.base);
  for (const [id, part] of before.services) compare(part, after.services.get(id));
  for (const [id, part] of after.services) if (!before.services.has(id)) compare(undefined, part);
  if (old.length === 0 && young.length === 0) return [];
  const desired = merge(young);
  const own = before.base === after.base ? [] : [...before.base.chains.keys()];
  const relevant = new Set([...own, ...desired.chains.keys()]);
  return diffContent(
    { sets: merge(old).sets, chains: new Map([...chains].filter(([name]) => relevant.has(name))) },
    desired,
  );
}

const nothing: PresentTable = { sets: new Map(), chains: new Map() };

/** The order keeps every reference whole: targets before what leads to them, removals the other way round. */
function diffContent(present: PresentTable, desired: Table): Change[] {
  const changes: Change[] = [];
  for (const [name, { base }] of desired.chains)
    if (!present.chains.has(name)) changes.push({ kind: 'add-chain', chain: name, base });
  for (const [name, { rules }] of desired.chains)
    if (!sameRules(present.chains.get(name) ?? [], rules))
      changes.push({ kind: 'fill-chain', chain: name, rules });
  for (const [set, elements] of desired.sets)
    changes.push(...diffElements(set, present.sets.get(set), elements));
  for (const name of present.chains.keys())
    if (!desired.chains.has(name)) changes.push({ kind: 'delete-chain', chain: name });
  return changes;
}

const sameShape = (present: PresentTable, desired: Table) =>
  setNames.every((name) => present.sets.has(name)) &&
  [...desired.chains].every(
    ([name, { base }]) => present.chains.has(name) || (base === '' && !name.startsWith('shape-')),
  );

const sameRules = (ids: readonly string[], rules: readonly Rule[]) =>
  ids.length === rules.length && rules.every(({ id }, index) => ids[index] === id);

function diffElements(set: string, present: Elements | undefined, desired: Elements): Change[] {
  const gone = [...(present ?? [])].filter(([key, value]) => desired.get(key) !== value);
  const added = [...desired].filter(([key, value]) => present?.get(key) !== value);
  return [
    ...(gone.length > 0 ? [{ kind: 'delete-elements', set, elements: new Map(gone) } as const] : []),
    ...(added.length > 0 ? [{ kind: 'add-elements', set, elements: new Map(added) } as const] : []),
  ];
}

/** The chains as they will be read back. */
export const idsOf = ({ chains }: Pick<Table, 'chains'>): Map<string, string[]> =>
  new Map([...chains].map(([name, { rules }]) => [name, rules.map(({ id }) => id)]));

/** What a change is about, for the log. */
export function describe(change: Change): string {
  switch (change.kind) {
    case 'delete-table':
    case 'add-table':
      return `${change.kind} ${tableName}`;
    case 'add-timeouts':
      return change.kind;
    case 'add-chain':
    case 'fill-chain':
    case 'delete-chain':
      return `${change.kind} ${change.chain}`;
    case 'add-set':
      return `${change.kind} ${change.set}`;
    case 'add-elements':
    case 'delete-elements':
      return `${change.kind} ${change.set}: ${[...change.elements.keys()].slice(0, 3).join(', ')}`;
  }
}

/** In nft's own language, for `nft -f -`. */
export const renderChanges = (changes: readonly Change[]): string => `${changes.map(render).join('\n')}\n`;

function render(change: Change): string {
  const at = `ip ${tableName}`;
  switch (change.kind) {
    case 'delete-table':
      return `delete table ${at}`;
    case 'add-table':
      return `add table ${at}`;
    case 'add-set': {
      const [kind, rest] = splitShape(setShapes[change.set as keyof typeof setShapes]);
      return `add ${kind} ${at} ${rest}`;
    }
    case 'add-timeouts':
      return `add ct timeout ${at} ${renderTimeouts(change.timeouts)}`;
    case 'add-chain':
      return `add chain ${at} ${change.chain}${change.base && ` { ${change.base} }`}`;
    case 'fill-chain':
      return [
        `flush chain ${at} ${change.chain}`,
        ...change.rules.map(({ id, text }) => `add rule ${at} ${change.chain} ${text} comment "${id}"`),
      ].join('\n');
    case 'delete-chain':
      // A chain that still has rules can be deleted, but those may lead to another one that goes too.
      return `flush chain ${at} ${change.chain}\ndelete chain ${at} ${change.chain}`;
    case 'add-elements':
    case 'delete-elements': {
      const verb = change.kind === 'add-elements' ? 'add' : 'delete';
      const elements = [...change.elements].map(([key, value]) =>
        value ? `${quoted(key)} : ${value}` : quoted(key),
      );
      return `${verb} element ${at} ${change.set} { ${elements.join(', ')} }`;
    }
  }
}

/** Names of devices need quotes. */
const quoted = (key: string) => key.replace(/^sh\.\S+/, '"$&"');

function splitShape(shape: string): [string, string] {
  const space = shape.indexOf(' ');
  return [shape.slice(0, space), shape.slice(space + 1)];
}
