import type { Drill } from './drills.ts';
import { allServeOn, isBalanced, isWhole, serving, type View } from './view.ts';

/** The conditions that a drill waits for, and whose times its outcome tells. */
export interface Conditions {
  /** The fault has been noticed. */
  readonly inTrouble: (view: View) => boolean;
  readonly replaced: (view: View) => boolean;
  readonly balanced: (view: View) => boolean;
}

export interface Cast {
  readonly victim: string;
  readonly hosts: readonly string[];
  readonly desired: number;
  /** Tasks that served before the strike. */
  readonly before: readonly string[];
}

export function conditions(drill: Drill, { victim, hosts, desired, before }: Cast): Conditions {
  const others = hosts.filter((host) => host !== victim);
  return {
    inTrouble: (view) => {
      if (drill.detectedBy === 'nobody') return false;
      return drill.detectedBy === 'manager' ? !view.managerAnswers : view.nodes.get(victim) !== 'ready';
    },
    replaced: (view) => {
      if (drill.awaits === 'moved') return allServeOn(view, desired, others);
      const renewed = drill.awaits !== 'renewed' || serving(view).every(({ id }) => !before.includes(id));
      return renewed && isWhole(view, desired);
    },
    balanced: (view) => isBalanced(view, desired, hosts),
  };
}

/** The drill is about tasks that have to be replaced. */
export const waitsForTasks = ({ awaits }: Drill): boolean => awaits === 'moved' || awaits === 'renewed';
