/** Drills: what they do, how they are played, and what they amount to. Needs Docker's API, and for faults the testbed. */
export { type Ask, askAt } from './ask.ts';
export { setAvailability, updateService } from './changes.ts';
export { DRILLS, type Drill } from './drills.ts';
export { type Invariant, mostReachable, otherHostsDown } from './invariants.ts';
export type { DrillOptions, Target } from './options.ts';
export {
  type DrillOutcome,
  type Figure,
  type Moments,
  momentsOf,
  outcomeOf,
  recoveredAt,
} from './outcome.ts';
export type { DrillRecord, Failure } from './record.ts';
export { type DrillHost, hostsOf, type Roles, rolesOf } from './roles.ts';
export { runDrill } from './run.ts';
export { SERVICE } from './service.ts';
export {
  after,
  allServeOn,
  type DrillEvent,
  history,
  isBalanced,
  serving,
  spreadOf,
  type TaskState,
  unseen,
  type View,
  wanted,
} from './view.ts';
export { Watch } from './watch.ts';
