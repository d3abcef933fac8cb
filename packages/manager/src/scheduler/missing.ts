import { type Listener, listenerText } from '../model/index.ts';
import type { Candidate } from './candidate.ts';
import type { Demand } from './demand.ts';
import { knowsField, needsText } from './docker-version.ts';
import { freeGeneric } from './occupancy.ts';

/** What the nodes that a filter refused lack. */
export interface Missing {
  /** What it is, most frequent first, without amounts that change from moment to moment. */
  readonly names: readonly string[];
  /** For people, with the amounts of this moment. */
  readonly text: string;
}

/** Things named in one text, at most. */
const mostNamed = 3;

/** Which resources are short, and how much of each the best of these nodes has left. */
export function missingResources(demand: Demand, refused: readonly Candidate[]): Missing {
  const shortages = wantedOf(demand).flatMap(({ name, amount, freeOn, say }) => {
    let count = 0;
    let best: { readonly node: Candidate; readonly free: number } | undefined;
    for (const node of refused) {
      const free = freeOn(node);
      if (free >= amount) continue;
      count++;
      if (!best || free > best.free) best = { node, free };
    }
    if (!best) return [];
    const [need, have] = say(amount, best.free);
    const most = best.free > 0 ? `the most that is free is ${have} on ${hostOf(best.node)}` : 'none is free';
    const text = Number.isFinite(amount)
      ? `${need} needed, ${most}`
      : `only a number of ${name} can be reserved`;
    return [{ name, count, text: text + onSome(count, refused) }];
  });
  return inOrder(shortages, '; ');
}

/** Which constraints do not hold. */
export function missingConstraints(
  { constraints }: Demand,
  refused: readonly Pick<Candidate, 'node'>[],
): Missing {
  if (!constraints) return { names: [], text: 'they cannot be understood' };
  const broken = constraints.flatMap(({ text, holds }) => {
    const count = refused.filter(({ node }) => !holds(node)).length;
    return count === 0 ? [] : [{ name: text, count, text: text + onSome(count, refused) }];
  });
  return inOrder(broken, ', ');
}

/** What the daemons are too old for. */
export function missingFields({ newerFields }: Demand, refused: readonly Pick<Candidate, 'node'>[]): Missing {
  const unknown = newerFields.flatMap((field) => {
    const count = refused.filter(({ node }) => !knowsField(node, field)).length;
    return count === 0 ? [] : [{ name: field.path, count, text: needsText(field) + onSome(count, refused) }];
  });
  return inOrder(unknown, ', ');
}

/** What holds a port of a node. */
export type Holder = Listener | 'a task';

interface TakenPort {
  readonly name: string;
  /** What holds it, once for each node where it is taken. */
  readonly holders: readonly Holder[];
}

/** Which ports are taken, and by which process, where it is the same on all of these nodes. */
export function missingPorts(ports: readonly TakenPort[], refused: readonly unknown[]): Missing {
  const taken = ports.flatMap(({ name, holders }) =>
    holders.length === 0
      ? []
      : [{ name, count: holders.length, text: name + heldBy(holders) + onSome(holders.length, refused) }],
  );
  return inOrder(taken, ', ');
}

function heldBy(holders: readonly Holder[]): string {
  const listeners = holders.filter((holder) => holder !== 'a task');
  const [first] = listeners;
  if (!first || listeners.length < holders.length) return '';
  const [texts, processes] = [
    new Set(listeners.map(listenerText)),
    new Set(listeners.map(({ process }) => process)),
  ];
  if (texts.size === 1) return ` by ${listenerText(first)}`;
  return processes.size === 1 ? ` by "${first.process}"` : '';
}

const onSome = (count: number, refused: readonly unknown[]): string =>
  count === refused.length ? '' : ` (on ${countNodes(count)})`;

export const countNodes = (nodes: number): string => (nodes === 1 ? '1 node' : `${nodes} nodes`);

interface Lack {
  readonly name: string;
  /** Number of nodes that lack it. */
  readonly count: number;
  readonly text: string;
}

function inOrder(lacks: readonly Lack[], separator: string): Missing {
  const sorted = lacks.toSorted((a, b) => b.count - a.count);
  const more = sorted.length > mostNamed ? [`and ${sorted.length - mostNamed} more`] : [];
  return {
    names: sorted.map(({ name }) => name),
    text: [...sorted.slice(0, mostNamed).map(({ text }) => text), ...more].join(separator),
  };
}

interface Wanted {
  readonly name: string;
  readonly amount: number;
  readonly freeOn: (candidate: Candidate) => number;
  /** Both amounts for people, what is needed with its name. */
  readonly say: (needed: number, free: number) => readonly [string, string];
}

function wantedOf({ nanoCpus, memoryBytes, generic }: Demand): Wanted[] {
  const all = ({ node }: Candidate) => node.reported.description.Resources;
  const wanted: Wanted[] = [
    {
      name: 'CPU',
      amount: nanoCpus,
      freeOn: (one) => (all(one)?.NanoCPUs ?? 0) - one.used.nanoCpus,
      say: (needed, free) => [`${cpus(needed)} ${needed === 1e9 ? 'CPU' : 'CPUs'}`, cpus(free)],
    },
    {
      name: 'memory',
      amount: memoryBytes,
      freeOn: (one) => (all(one)?.MemoryBytes ?? 0) - one.used.memoryBytes,
      say: (needed, free) => {
        const [need = '', have = ''] = sayBytes(needed, free);
        return [`${need} of memory`, have];
      },
    },
    ...[...generic].map(([kind, amount]) => ({
      name: kind,
      amount,
      freeOn: ({ node, used }: Candidate) => freeGeneric(node, used, kind),
      say: (needed: number, free: number) => [`${needed} ${kind}`, `${free}`] as const,
    })),
  ];
  return wanted.filter(({ amount }) => amount > 0);
}

const hostOf = ({ node }: Candidate): string => node.reported.description.Hostname || node.ID;

const cpus = (nano: number): string => String(Number((nano / 1e9).toFixed(9)));

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Such as `1.5 GiB`, with as many digits as it takes to tell different amounts apart. */
export function sayBytes(...amounts: readonly number[]): string[] {
  const asManyAs = new Set(amounts).size;
  for (const digits of [1, 3]) {
    const said = amounts.map((bytes) => inUnits(bytes, digits));
    if (new Set(said).size === asManyAs) return said;
  }
  return amounts.map((bytes) => `${bytes} bytes`);
}

function inUnits(bytes: number, digits: number): string {
  let amount = bytes;
  let unit = 0;
  for (; amount >= 1024 && unit < units.length - 1; unit++) amount /= 1024;
  return `${Number(amount.toFixed(digits))} ${units[unit]}`;
}
