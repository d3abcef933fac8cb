import { type Flapping, isDown, type Node, shortOf } from './node.ts';

/*
 * How a node is rested that comes and goes. Each time it falls costs work, so the more often in a row it does, the longer
 * it gets no new tasks when it is back, and even longer none that could stay where they are; what runs on it stays.
 * Liveness writes it down, and here is what placement, moves and explanations make of it. Times in ms.
 */

/** A fall so soon after the node came back, and had rested, is one more in a row. */
const soonMs = 30_000;
/** A reboot or two are no habit. */
const freeFalls = 2;
const firstRestMs = 10_000;
/** A node that came, or came back, has to stay for so long before tasks are moved to it; twice as long for each more in a row. */
const firstMoveRestMs = 5_000;
const longestRestMs = 5 * 60_000;
/**
 * One that was short of something gets moved tasks only so long after: they might make it short again. The
 * kubelet's default of --eviction-pressure-transition-period.
 */
const relievedRestMs = 5 * 60_000;

const restMs = (falls: number): number =>
  falls <= freeFalls ? 0 : Math.min(firstRestMs * 2 ** (falls - freeFalls - 1), longestRestMs);

const moveRestMs = (falls: number): number =>
  Math.min(firstMoveRestMs * 2 ** Math.max(0, falls - 1), longestRestMs);

/** How much longer the node gets no new tasks; 0 when it gets them, or when it is down. */
export function restLeftMs(node: Node, now: number): number {
  const rest = restMs(node.flapping?.falls ?? 0);
  return rest === 0 || isDown(node) ? 0 : left(backAt(node, now), rest, now);
}

/** How much longer no tasks are moved to the node that could stay where they are; not to ask of one that takes none. */
export function moveRestLeftMs(node: Node, now: number): number {
  const { falls = 0, short, relievedAt } = node.flapping ?? {};
  const rest = left(backAt(node, now), moveRestMs(falls), now);
  // That it is relieved may not have been written down yet.
  const since = short ? now : relievedAt;
  return since === undefined ? rest : Math.max(rest, left(since, relievedRestMs, now));
}

/** Since when the node, which takes tasks now, has been as it is: up, and short of nothing (ms since the epoch). */
export const steadySince = (node: Node, now: number): number =>
  Math.max(backAt(node, now), node.flapping?.relievedAt ?? 0);

/** That it is back may not have been written down yet. */
const backAt = ({ flapping, CreatedAt }: Node, now: number): number =>
  flapping && flapping.falls > 0 ? (flapping.backAt ?? now) : Date.parse(CreatedAt) || 0;

/** A clock that was set back must not make it longer. */
const left = (from: number, ms: number, now: number): number =>
  now < from ? 0 : Math.max(0, from + ms - now);

/** The node, as it is now, with what is to be remembered of that: the same object when it is remembered already. */
export function noteFlapping(node: Node, now: number): Node {
  const { flapping: before } = node;
  const fallen = afterFalls(before, isDown(node), now);
  const isShort = shortOf(node).length > 0;
  const after = isShort === (fallen?.short ?? false) ? fallen : afterShortage(fallen, isShort, now);
  return after === before || !after ? node : { ...node, flapping: after };
}

function afterShortage(before: Flapping | undefined, isShort: boolean, now: number): Flapping {
  const { short: _, relievedAt: _at, ...falls } = before ?? { falls: 0 };
  return isShort ? { ...falls, short: true } : { ...falls, relievedAt: now };
}

function afterFalls(before: Flapping | undefined, down: boolean, now: number): Flapping | undefined {
  const { falls = 0, backAt: since, ...rest }: Partial<Flapping> = before ?? {};
  const isNoted = falls > 0 && since === undefined;
  if (down === isNoted) return before;
  if (isNoted) return { ...rest, falls, backAt: now };
  const again = since !== undefined && now < since + restMs(falls) + soonMs;
  // What a host was short of before it fell says little of what it will be like.
  const { relievedAt: _, ...kept } = rest;
  return { ...kept, falls: again ? falls + 1 : 1 };
}
