import type { ClusterState } from './cluster-state.ts';
import type { Group } from './groups.ts';

/** In one turn a service gets at most such a part of all it wants. */
const parts = 8;
/** Each costs a look at nodes: where more groups lack room than this, the parts are greater. */
const mostTurns = 1_000;

interface Contender {
  readonly group: Group;
  /** Tasks that its service has, or waits for. */
  readonly wanted: number;
  /** Of the group's tasks, those in whose place another one serves until they do. */
  readonly served: number;
  left: number;
}

/**
 * Shares out room that is not enough for all: groups take turns, the one whose service misses the greatest part of its
 * tasks first, and of equal ones the one that waits longest. `place` places the first so many of a group's tasks that
 * are left, as far as there is room, and says how many it placed.
 */
export function takeTurns(
  groups: readonly Group[],
  state: ClusterState,
  place: (group: Group, count: number) => number,
): void {
  let contenders = groups.map((group) => contender(group, state));
  const steps = Math.max(1, Math.min(parts, Math.floor(mostTurns / groups.length)));
  for (let step = steps - 1; step >= 0; step--) {
    contenders.sort((a, b) => missingShare(b) - missingShare(a));
    contenders = contenders.filter((one) => {
      const count = Math.min(one.left, Math.ceil(one.left - (one.wanted * step) / steps));
      if (count <= 0) return true;
      const placed = place(one.group, count);
      one.left -= placed;
      return placed === count;
    });
  }
}

function contender(group: Group, state: ClusterState): Contender {
  const { tasks } = group;
  const counts = state.counts.get(tasks[0].ServiceID)?.values() ?? [];
  const served = tasks.filter((task) => state.predecessorOf(task) !== undefined).length;
  return {
    group,
    wanted: tasks.length - served + Iterator.from(counts).reduce((sum, count) => sum + count, 0),
    served,
    left: tasks.length,
  };
}

const missingShare = ({ left, served, wanted }: Contender): number => Math.max(0, left - served) / wanted;
