import type { Node } from './node.ts';

/**
 * A node that comes and goes costs work each time. The more often in a row, the longer it gets no new tasks when it
 * is back; what runs on it stays. Times in ms.
 */
export interface Falls {
  /** How often in a row it went down: each time soon after it had come back, and rested. */
  readonly count: number;
  /** When it came back (ms since the epoch); absent while it is down. */
  readonly backAt?: number;
}

const soonMs = 30_000;
/** A reboot or two are no habit. */
const freeFalls = 2;
const firstRestMs = 10_000;
const longestRestMs = 5 * 60_000;

const restMs = ({ count }: Falls): number =>
  count <= freeFalls ? 0 : Math.min(firstRestMs * 2 ** (count - freeFalls - 1), longestRestMs);

/** How much longer the node gets no new tasks; 0 when it gets them, or when it is down. */
export function restLeftMs({ shoal: { falls } }: Pick<Node, 'shoal'>, now: number): number {
  // A clock that was set back must not make it longer.
  if (falls?.backAt === undefined || now < falls.backAt) return 0;
  return Math.max(0, falls.backAt + restMs(falls) - now);
}

/** The node as it is now, with what that says about how often it falls. `before`: as it was. */
export function countingFalls(before: Node, after: Node, now: number): Node {
  const isDown = after.Status.State === 'down';
  if (isDown === (before.Status.State === 'down')) return after;
  const { falls } = before.shoal;
  if (!isDown)
    return falls ? { ...after, shoal: { ...after.shoal, falls: { ...falls, backAt: now } } } : after;
  const again = falls?.backAt !== undefined && now < falls.backAt + restMs(falls) + soonMs;
  return { ...after, shoal: { ...after.shoal, falls: { count: again ? falls.count + 1 : 1 } } };
}
