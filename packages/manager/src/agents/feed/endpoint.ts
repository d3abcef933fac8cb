import type { Endpoint } from '@shoal/proto';
import { type Service, slotOf, type Task } from '../../model/index.ts';
import { type FeedKind, isSame } from './kind.ts';
import { isEndpoint, isPublished, needsService } from './needs.ts';

/** A task that its service leads to. */
export const endpoint: FeedKind<Endpoint> = {
  *touched(commit) {
    const { view } = commit;
    for (const { id, before, after } of commit.of('tasks')) {
      if (isSame(before && factsOf(before), after && factsOf(after))) continue;
      for (const serviceId of new Set([before?.ServiceID, after?.ServiceID]))
        if (serviceId !== undefined) yield { id, nodes: commit.nodesUsing(serviceId) };
    }
    for (const { id, before, after } of commit.of('services')) {
      if (isSame(before && reachOf(before), after && reachOf(after))) continue;
      const nodes = commit.nodesUsing(id);
      for (const each of view.tasks.by('service', id)) if (isEndpoint(each)) yield { id: each.ID, nodes };
    }
    for (const { networkId, nodes } of commit.turnovers)
      for (const { ID } of view.services.by('network', networkId))
        for (const each of view.tasks.by('service', ID)) if (isEndpoint(each)) yield { id: each.ID, nodes };
  },

  *all({ view }, nodeId) {
    for (const service of view.services.all()) {
      if (!needsService(view, service, nodeId)) continue;
      for (const each of view.tasks.by('service', service.ID)) if (isEndpoint(each)) yield each.ID;
    }
  },

  needs({ view }, id, nodeId) {
    const task = view.tasks.get(id);
    const service = task && view.services.get(task.ServiceID);
    return task && service ? isEndpoint(task) && needsService(view, service, nodeId) : false;
  },

  object({ view, silent }, id) {
    const task = view.tasks.get(id);
    if (!task) return undefined;
    const { NodeID = '', ServiceID, shoal } = task;
    // On a bridge network each host's daemon gives its own: nobody else can reach them.
    const addresses = (shoal.attachments ?? []).filter(({ address }) => address !== '');
    return {
      taskId: id,
      serviceId: ServiceID,
      slot: slotOf(task),
      nodeId: NodeID,
      addresses: Object.fromEntries(addresses.map(({ networkId, address }) => [networkId, address])),
      silent: silent.has(NodeID),
    };
  },
};

const factsOf = (task: Task) =>
  isEndpoint(task) ? [task.ServiceID, task.NodeID, task.Slot, task.shoal.attachments] : undefined;

/** Whom its endpoints are of interest to. */
const reachOf = (service: Service) => [
  isPublished(service),
  service.shoal.attachments?.map(({ networkId }) => networkId),
];
