import { compareStates, type StopReason, type Task, wantsIsolation } from '../model/index.ts';
import { isEligible } from '../scheduler/constraints.ts';
import { canTakePlaceOf, someNodeCouldRun } from './capacity.ts';
import type { Draft, Slot } from './draft.ts';
import { currentTarget, newTask, type Origin, type Place, type Target } from './new-task.ts';
import type { UpdateRules } from './policy.ts';
import { restartAfter } from './restart.ts';
import {
  displacement,
  endedByItself,
  furthestFirst,
  isDropped,
  isRunning,
  isUnassigned,
  isUnplaceable,
  provedAt,
  standing,
} from './standing.ts';
import { atStake, isUpdating, targetOf } from './update/update-state.ts';

/** A task that must leave its node keeps serving while its successor starts, but not longer than this. */
const longestHandoverMs = 30_000;
/** A task that could stay is not worth waiting longer than this for its successor to run. */
const longestMoveMs = 10 * 60_000;

/** What another service's task does is no event of this one: so often is looked whether it has left its room. */
const roomPollMs = 500;

interface Scene {
  readonly draft: Draft;
  readonly place: Place;
  readonly target: Target;
  readonly rules: UpdateRules;
}

/**
 * Brings one place to exactly one live task of its target version: makes one where there is none, stops what
 * is too much, and starts what was only being prepared once its time has come. `picked`: the rolling update
 * has reached this place, so it changes to the current version now.
 */
export function settle(draft: Draft, place: Place, picked: boolean): void {
  const before = draft.slot(place.key);
  const target = picked ? currentTarget(draft.service) : fittingTarget(draft, place, before);
  const scene: Scene = { draft, place, target, rules: draft.rules };
  const [kept, ...others] = before.live.filter((task) => isGood(scene, task)).sort(furthestFirst);
  for (const task of others) {
    if (kept && takesOver(scene, task, kept)) handOver(scene, kept, task);
    // As history its container would go on filling the disk that it leaves for want of space.
    else if (kept?.shoal.moves === task.ID && freesDisk(kept)) draft.discard(task);
    else draft.stop(task, whyTooMuch(scene, task, kept));
  }
  const keep = kept ?? (place.creatable ? makeSuccessor(scene, before, picked) : undefined);
  const going = before.live.filter((task) => !isGood(scene, task));
  const serving = lastServing(scene, going);
  for (const task of going) {
    const mayGo =
      keep === 'later' ? isLost(scene, task) : keep ? mayStop(scene, task, keep) : isGivenUp(scene, task);
    if (mayGo || (serving && task !== serving))
      draft.stop(task, displacement(task, draft.facts.nodes) ?? 'replaced');
  }
  if (keep && keep !== 'later') start(scene, keep);
}

/** Of those that have to go, one is enough to serve until the successor does: the newest version that runs. */
const lastServing = ({ draft, target }: Scene, going: readonly Task[]): Task | undefined =>
  going
    .filter((task) => isRunning(task) && isProved(draft, task))
    .sort((a, b) => rank(b, target) - rank(a, target))[0];

const rank = ({ shoal }: Task, target: Target): number => Number(shoal.specVersion === target.version);

/** Whether `next` may yet be needed in the place of `kept`, which serves until then. */
function takesOver(scene: Scene, next: Task, kept: Task): boolean {
  if (!isRunning(kept)) return false;
  const until = neededUntil(scene, next, kept);
  scene.draft.wake(until);
  return scene.draft.facts.now < until;
}

/** Starts `next` beside `kept`; or, if it must not run beside it, stops `kept` for it once that costs the least. */
function handOver(scene: Scene, kept: Task, next: Task): void {
  // Both services have to be ready for it at the same time: the rebalancer sees them.
  if (next.shoal.exchange) return;
  const isPrepared = next.shoal.moves === kept.ID && compareStates(next.Status.State, 'ready') >= 0;
  if (!startsAfterStop(scene, next)) start(scene, next);
  else if (isPrepared && isWhole(scene.draft)) scene.draft.stop(kept, 'rebalanced');
}

/** A task runs in every place. */
const isWhole = (draft: Draft): boolean =>
  draft.keys.every((key) => draft.slot(key).live.some((task) => isRunning(task) && !task.Status.Err));

/** A move has an order of its own: between two nodes tasks can run side by side that could not on one. */
const startsAfterStop = ({ rules }: Scene, { shoal }: Task): boolean =>
  shoal.stopFirst === true || (shoal.moves === undefined && rules.order === 'stop-first');

function neededUntil({ draft, rules }: Scene, next: Task, kept: Task): number {
  const alone = rules.order === 'stop-first';
  // Both came back: it is not yet sure that the containers of the one that is kept survived.
  if (isRunning(next)) return alone ? 0 : (provedAt(kept) ?? 0);
  if (next.shoal.moves === kept.ID) return moveEnds(draft, next);
  return alone ? 0 : returnEnds(next, kept);
}

/** A move is given up for an update, for want of room, and when it takes too long. */
const moveEnds = ({ service }: Draft, next: Task): number =>
  isUpdating(service) || isUnplaceable(next) ? 0 : Date.parse(next.CreatedAt) + longestMoveMs;

/**
 * What replaces a task that came back is not stopped before it is sure that the other one survived; but on the
 * same node it was only just placed, and their agent says soon whether it is needed.
 */
const returnEnds = (next: Task, kept: Task): number =>
  isUnassigned(next) || next.NodeID === kept.NodeID ? 0 : (provedAt(kept) ?? 0);

const freesDisk = ({ shoal: { relieves = [] } }: Task): boolean =>
  relieves.includes('disk') || relieves.includes('inodes');

function whyTooMuch({ draft }: Scene, task: Task, kept: Task | undefined): StopReason {
  if (kept?.shoal.moves === task.ID) return kept.shoal.relieves ? 'node-pressure' : 'rebalanced';
  return task.shoal.moves === kept?.ID && !isUpdating(draft.service) ? 'move-failed' : 'surplus';
}

/** A node of a global service may meet the current constraints only: there an older version has no future. */
function fittingTarget(draft: Draft, { nodeId }: Place, slot: Slot): Target {
  const target = targetOf(slot, draft.service);
  const node = nodeId === undefined ? undefined : draft.facts.nodes.get(nodeId);
  return node && !isEligible(node, target.spec.Placement) ? currentTarget(draft.service) : target;
}

const isGood = ({ target, draft }: Scene, task: Task): boolean =>
  task.shoal.specVersion === target.version && !displacement(task, draft.facts.nodes);

/** Undefined when the restart policy leaves the place empty; `later` when it is not time yet. */
function makeSuccessor(scene: Scene, slot: Slot, picked: boolean): Task | 'later' | undefined {
  const { draft, target } = scene;
  const kin = slot.tasks.filter(({ shoal }) => shoal.specVersion === target.version);
  const head = kin.find((task) => !isDropped(task));
  if (picked) {
    const old = atStake(slot);
    return make(scene, old ? { replaces: old.ID } : {});
  }
  if (!head) return make(scene, {});
  if (!endedByItself(head)) return make(scene, takenOver(head, scene.place));
  const restart = restartAfter(head, kin, target.spec.RestartPolicy, draft.facts.now);
  if (!restart) return undefined;
  const { createAfter = 0, ...origin } = restart;
  if (createAfter <= draft.facts.now) return make(scene, origin);
  draft.wake(createAfter);
  return 'later';
}

function make({ draft, place, target, rules }: Scene, origin: Origin): Task {
  const { facts, service } = draft;
  const isolated = wantsIsolation(service.Spec.Labels) && { isolated: true as const };
  const stopFirst = rules.order === 'stop-first' && { stopFirst: true as const };
  const whole = { ...origin, ...isolated, ...stopFirst };
  return draft.create(newTask(service.ID, place, target, whole, facts.now, facts.ids));
}

/** What a task leaves to its successor when it was not its own fault. */
function takenOver({ shoal }: Task, { nodeId }: Place): Origin {
  const { failures, refusals = 0, replaces, runningSince, stopReason } = shoal;
  const inFlight = replaces !== undefined && runningSince === undefined && nodeId === undefined;
  return {
    ...(failures !== undefined && { failures }),
    ...(stopReason === 'next-host' && { refusals: refusals + 1 }),
    ...(inFlight && { replaces }),
  };
}

/** Whether `old` has to make room for `keep` now. */
function mayStop(scene: Scene, old: Task, keep: Task): boolean {
  const { draft, rules, target } = scene;
  const { nodes, now } = draft.facts;
  if (!isRunning(old)) return true;
  const stopFirst = startsAfterStop(scene, keep);
  // Stop-first also waits until the new one is prepared: an image that can't be pulled stops nothing.
  if (compareStates(keep.Status.State, stopFirst ? 'ready' : 'running') >= 0)
    return stopFirst || isProved(draft, keep);
  if (displacement(old, nodes)) {
    const latest = Date.parse(keep.CreatedAt) + longestHandoverMs;
    draft.wake(latest);
    return isUnplaceable(keep) || now >= latest;
  }
  if (!isUnplaceable(keep)) return false;
  if (stopFirst) return someNodeCouldRun(target, nodes);
  return !rules.orderIsExplicit && canTakePlaceOf(target, old, nodes);
}

/** One that came back with its node may not have survived, and its agent says so soon. */
function isProved(draft: Draft, task: Task): boolean {
  const at = provedAt(task) ?? 0;
  draft.wake(at);
  return draft.facts.now >= at;
}

/** Nothing it does counts any more where it is. */
const isLost = ({ draft }: Scene, task: Task): boolean => displacement(task, draft.facts.nodes) !== undefined;

/** Whether a task has to go although nothing takes over: the restart policy left the new version's place empty. */
const isGivenUp = (scene: Scene, task: Task): boolean => scene.place.creatable || isLost(scene, task);

/** Starts a prepared task when its delay is over and, with stop-first, all others of its place have stopped. */
function start(scene: Scene, task: Task): void {
  const { draft, place } = scene;
  if (task.DesiredState !== 'ready') return;
  const { startAfter = 0 } = task.shoal;
  draft.wake(startAfter);
  if (startAfter > draft.facts.now) return;
  if (startsAfterStop(scene, task) && occupants(draft, place.key, task).length > 0) return;
  if (task.shoal.exchange && draft.facts.mayRun?.(task.shoal.exchange.old)) {
    draft.wake(draft.facts.now + roomPollMs);
    return;
  }
  draft.put({ ...task, DesiredState: 'running' });
}

/** Other tasks of a place that may still be running where they can be heard. */
export function occupants(draft: Draft, key: string, than: Task): Task[] {
  return draft.all(key).filter((task) => {
    const stands = standing(task, draft.facts.nodes);
    return task.ID !== than.ID && (stands === 'live' || stands === 'leaving');
  });
}
