import { type Falls, isDown, type Node } from './node.ts';

/** Times in ms. */
type FallsOf = Pick<Node, 'reported' | 'judged' | 'falls'>;

const soonMs = 30_000;
/** A reboot or two are no habit. */
const freeFalls = 2;
const firstRestMs = 10_000;
const longestRestMs = 5 * 60_000;

const restMs = ({ count }: Falls): number =>
  count <= freeFalls ? 0 : Math.min(firstRestMs * 2 ** (count - freeFalls - 1), longestRestMs);

/** How much longer the node gets no new tasks; 0 when it gets them, or when it is down. */
export function restLeftMs(node: FallsOf, now: number): number {
  const { falls } = node;
  if (!falls || isDown(node)) return 0;
  // Back, and nobody has written down yet since when.
  if (falls.backAt === undefined) return restMs(falls);
  // A clock that was set back must not make it longer.
  return now < falls.backAt ? 0 : Math.max(0, falls.backAt + restMs(falls) - now);
}

/** What shall stand at the node, as it is now, of how often it falls: the same object when that is there already. */
export function nextFalls(node: FallsOf, now: number): Falls | undefined {
  const { falls } = node;
  const isNoted = falls !== undefined && falls.backAt === undefined;
  if (isDown(node) === isNoted) return falls;
  if (isNoted) return { ...falls, backAt: now };
  const again = falls?.backAt !== undefined && now < falls.backAt + restMs(falls) + soonMs;
  return { count: again ? falls.count + 1 : 1 };
}
