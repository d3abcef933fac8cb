import type { PresentTable } from './diff.ts';

/** One entry of what `nft -j list …` prints; of its fields, those that we look at. */
interface Entry {
  readonly chain?: { readonly name: string };
  readonly rule?: { readonly chain: string; readonly comment?: string };
  readonly set?: Listed;
  readonly map?: Listed;
}

interface Listed {
  readonly name: string;
  readonly elem?: readonly unknown[];
}

export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}

/** The table as `nft -j list table ip shoal` prints it. */
export function readTable(json: string): PresentTable {
  const sets = new Map<string, Map<string, string>>();
  const chains = new Map<string, string[]>();
  for (const { chain, rule, set, map } of entriesOf(json)) {
    if (chain) chains.set(chain.name, []);
    // A rule without our comment is not ours: none of our ids is empty.
    else if (rule) chains.get(rule.chain)?.push(rule.comment ?? '');
    else if (set) sets.set(set.name, new Map((set.elem ?? []).map((key) => [textOf(key), ''])));
    else if (map) sets.set(map.name, new Map((map.elem ?? []).map(pairOf)));
  }
  return { sets, chains };
}

/** The counters of a set's elements, as `nft -j list set ip shoal NAME` prints them. */
export function readCounters(json: string): Map<string, Counted> {
  const found = new Map<string, Counted>();
  for (const { set } of entriesOf(json)) {
    for (const each of set?.elem ?? []) {
      const counter = (each as { elem?: { counter?: Counted } }).elem?.counter;
      if (counter) found.set(textOf(each), { packets: counter.packets, bytes: counter.bytes });
    }
  }
  return found;
}

const entriesOf = (json: string) => (JSON.parse(json) as { nftables: readonly Entry[] }).nftables;

function pairOf(element: unknown): [string, string] {
  const [key, value] = element as [unknown, unknown];
  return [textOf(key), textOf(value)];
}

/** A key or value in nft's own language, as we write it. */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('concat' in value) return (value.concat as unknown[]).map(textOf).join(' . ');
  if ('goto' in value) return `goto ${(value.goto as { target: string }).target}`;
  if ('elem' in value) return textOf((value.elem as { val: unknown }).val);
  return JSON.stringify(value);
}
