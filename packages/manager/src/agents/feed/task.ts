import type { Assignment } from '@shoal/proto';
import {
  compareStates,
  drainMs,
  isTerminal,
  presentCanary,
  readyCheckOf,
  type Service,
  stateOf,
  type Task,
} from '../../model/index.ts';
import { toAssignment } from './assignment.ts';
import { type FeedKind, isSame } from './kind.ts';

/** What a node runs. */
export const task: FeedKind<Assignment> = {
  single: true,

  *touched(commit) {
    for (const { id, before, after } of commit.of('tasks')) {
      if (before && after && !concernsAgent(before, after)) continue;
      yield { id, nodes: [before?.NodeID, after?.NodeID].filter((nodeId) => nodeId !== undefined) };
    }
    for (const { id, before, after } of commit.of('services')) {
      if (isSame(before && factsOf(before), after && factsOf(after))) continue;
      for (const { ID, NodeID } of commit.view.tasks.by('service', id))
        if (NodeID) yield { id: ID, nodes: [NodeID] };
    }
  },

  *all({ view }, nodeId) {
    for (const each of view.tasks.by('node', nodeId)) if (isForAgent(each)) yield each.ID;
  },

  needs({ view }, id, nodeId) {
    const found = view.tasks.get(id);
    return found?.NodeID === nodeId && isForAgent(found);
  },

  object({ view, held, unseal }, id) {
    const found = view.tasks.get(id);
    return found && toAssignment(found, view.services.get(found.ServiceID), { held: held(id), view, unseal });
  },
};

/** What the agent itself reported is no news to it, but that a task has ended for good. */
const concernsAgent = (before: Task, after: Task): boolean =>
  before.DesiredState !== after.DesiredState ||
  before.shoal.orphaned !== after.shoal.orphaned ||
  before.NodeID !== after.NodeID ||
  before.Spec !== after.Spec ||
  before.shoal.attachments !== after.shoal.attachments ||
  isTerminal(stateOf(before)) !== isTerminal(stateOf(after)) ||
  !before.placement !== !after.placement;

/** What the tasks of a service take from it. */
const factsOf = (service: Service, { Spec, shoal } = service) => [
  Spec.Name,
  drainMs(Spec.Labels),
  readyCheckOf(Spec.Labels),
  presentCanary(service) && [presentCanary(service), shoal.specVersion],
  shoal.registryAuth,
];

/** Placed, and – unless it only has to end – with all its addresses. */
const isForAgent = (found: Task): boolean =>
  compareStates(stateOf(found), 'assigned') >= 0 &&
  (hasAddresses(found) || found.DesiredState === 'shutdown' || found.DesiredState === 'remove');

/** The task has all the addresses it needs before its container can be made. */
const hasAddresses = ({ shoal }: Task): boolean =>
  (shoal.networks?.length ?? 0) === (shoal.attachments?.length ?? 0);
