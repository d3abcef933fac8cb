import type { Change, PresentTable } from './diff.ts';
import { setNames, type TablePlan } from './table.ts';

/** What nft would do with a transaction, with its rules of what may refer to what. */
export function applyChanges(
  table: PresentTable | undefined,
  changes: readonly Change[],
): PresentTable | undefined {
  let exists = table !== undefined;
  const sets = new Map([...(table?.sets ?? [])].map(([name, elements]) => [name, new Map(elements)]));
  const chains = new Map([...(table?.chains ?? [])].map(([name, ids]) => [name, [...ids]]));
  const setOf = (name: string) => sets.get(name) ?? fail(`no set ${name}`);
  const targets = () => [...sets.values()].flatMap((elements) => [...elements.values()]);
  for (const change of changes) {
    switch (change.kind) {
      case 'delete-table':
        if (!exists) fail('no table');
        sets.clear();
        chains.clear();
        exists = false;
        break;
      case 'add-table':
        exists = true;
        break;
      case 'add-set':
        if (!sets.has(change.set)) sets.set(change.set, new Map());
        break;
      case 'add-timeouts':
        break;
      case 'add-chain':
        if (!chains.has(change.chain)) chains.set(change.chain, []);
        break;
      case 'fill-chain':
        if (!chains.has(change.chain)) fail(`no chain ${change.chain}`);
        chains.set(
          change.chain,
          change.rules.map(({ id }) => id),
        );
        break;
      case 'delete-chain':
        if (!chains.delete(change.chain)) fail(`no chain ${change.chain}`);
        if (targets().includes(`goto ${change.chain}`)) fail(`chain ${change.chain} is in use`);
        break;
      case 'add-elements':
        for (const [key, value] of change.elements) {
          if (value.startsWith('goto ') && !chains.has(value.slice(5))) fail(`no chain for ${value}`);
          if ((setOf(change.set).get(key) ?? value) !== value) fail(`${key} is in ${change.set} already`);
          setOf(change.set).set(key, value);
        }
        break;
      case 'delete-elements':
        for (const key of change.elements.keys())
          if (!setOf(change.set).delete(key)) fail(`${key} is not in ${change.set}`);
        break;
    }
    if (!exists && change.kind !== 'delete-table') fail('no table');
  }
  return exists ? { sets, chains } : undefined;
}

/** A table of another shape, as an older version may have left it. */
export const strangeTable: PresentTable = {
  sets: new Map(setNames.slice(0, 3).map((name) => [name, new Map()])),
  chains: new Map([['shape-0', []]]),
};

export const partsOf = ({ base, services }: TablePlan) => [base, ...services.values()];

function fail(reason: string): never {
  throw new Error(`nft refuses: ${reason}`);
}
