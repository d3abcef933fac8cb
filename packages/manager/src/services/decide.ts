import { modeOf } from '../model/index.ts';
import { joinCompanions, leaveCompanions } from './companions.ts';
import { concludeUpdate } from './conclude.ts';
import { type Decision, Draft, type Snapshot } from './draft.ts';
import { globalPlaces, replicatedPlaces } from './modes/index.ts';
import { observe } from './observe.ts';
import { reap } from './reaper.ts';
import { settle } from './settle.ts';
import { underWay } from './start.ts';
import { judgeStuck } from './stuck.ts';
import { adopt, beginUpdate, isDirty, judgeUpdate, pickPlaces } from './update/index.ts';

/**
 * What has to be written so that a service comes nearer to what its spec says. Looks only at the present
 * state, so it may be called at any time, by any manager, as often as one likes; once everything is as it
 * should be, it decides nothing.
 */
export function decideService(snapshot: Snapshot): Decision {
  const draft = new Draft(snapshot);
  if (snapshot.service.shoal.removing) return decideRemoval(draft);
  observe(draft);
  leaveCompanions(draft);
  judgeUpdate(draft);
  takeOn(draft);
  const places = modeOf(draft.service.Spec) === 'global' ? globalPlaces(draft) : replicatedPlaces(draft);
  beginUpdate(draft, places);
  const dirty = new Set(places.filter(({ key }) => isDirty(draft.slot(key), draft.service)));
  // What settles may free a hand for the next place.
  const settled = places.flatMap((place) => (dirty.has(place) ? [] : settle(draft, place, false)));
  const { picked, waits } = pickPlaces(draft, places);
  for (const place of dirty) settled.push(...settle(draft, place, picked.has(place.key)));
  joinCompanions(draft);
  const tasks = [...underWay(draft, settled), ...settled, ...waits];
  const update = [...concludeUpdate(draft, places, tasks), ...judgeStuck(draft, places)];
  reap(draft);
  return draft.decision([...tasks, ...update]);
}

/** What needs no new task for the present spec has it from now on. */
function takeOn(draft: Draft): void {
  const { nodes, tasksOn = () => [] } = draft.snapshot;
  for (const task of adopt(draft.service, draft.tasks, nodes, tasksOn).changed) draft.put(task);
}

/** The service goes when its last task is gone, so that networks and ports are free by then. */
function decideRemoval(draft: Draft): Decision {
  for (const task of draft.tasks) draft.discard(task);
  return draft.decision(underWay(draft, []), draft.tasks.length === 0);
}
