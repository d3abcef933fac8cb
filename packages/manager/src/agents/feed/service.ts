import type { Service as ProtoService } from '@shoal/proto';
import { neededFor, portsNeededEverywhere } from '../../allocator/index.ts';
import { isIngressPort, type Service, type ServiceAttachment } from '../../model/index.ts';
import { type FeedKind, isSame } from './kind.ts';
import { isPublished, needsService } from './needs.ts';

/** All of a service that load balancers and names are made of, besides its endpoints. */
export const service: FeedKind<ProtoService> = {
  *touched(commit) {
    for (const { id, before, after } of commit.of('services'))
      if (!isSame(before && factsOf(before), after && factsOf(after)))
        yield { id, nodes: commit.nodesUsing(id) };
    for (const { networkId, nodes } of commit.turnovers)
      for (const { ID } of commit.view.services.by('network', networkId)) yield { id: ID, nodes };
    // What Shoal itself needs is not published.
    if (commit.of('clusters').some(({ before, after }) => before?.managerPorts !== after?.managerPorts))
      for (const each of commit.view.services.all())
        if (isPublished(each)) yield { id: each.ID, nodes: 'all' };
  },

  *all({ view }, nodeId) {
    for (const each of view.services.all()) if (needsService(view, each, nodeId)) yield each.ID;
  },

  needs({ view }, id, nodeId) {
    const found = view.services.get(id);
    return found !== undefined && needsService(view, found, nodeId);
  },

  object({ view }, id) {
    const found = view.services.get(id);
    if (!found) return undefined;
    const { Spec, shoal } = found;
    const labels = Spec.Labels ?? {};
    const needed = portsNeededEverywhere(view);
    return {
      id,
      name: Spec.Name ?? '',
      stack: labels['com.docker.stack.namespace'] ?? '',
      dnsrr: Spec.EndpointSpec?.Mode === 'dnsrr',
      sourceHash: labels['shoal.lb'] === 'source-hash',
      attachments: (shoal.attachments ?? []).map((attachment) => ({
        networkId: attachment.networkId,
        vip: attachment.vip ?? '',
        aliases: aliasesOn(found, attachment),
      })),
      // Taken by the manager since, or published under an older version: it would lead away what Shoal needs itself.
      published: (shoal.ports ?? [])
        .filter((port) => isIngressPort(port) && neededFor(port, needed) === undefined)
        .map((port) => ({
          protocol: port.Protocol ?? 'tcp',
          target: port.TargetPort ?? 0,
          published: port.PublishedPort ?? 0,
          name: port.Name ?? '',
        })),
    };
  },
};

const factsOf = ({ Spec, shoal }: Service) => [
  Spec.Name,
  Spec.Labels,
  Spec.EndpointSpec?.Mode,
  Spec.TaskTemplate?.Networks ?? Spec.Networks,
  shoal.attachments,
  shoal.ports,
];

function aliasesOn({ Spec }: Service, { networkId }: ServiceAttachment): string[] {
  const wanted = Spec.TaskTemplate?.Networks ?? Spec.Networks ?? [];
  return wanted.find(({ Target }) => Target === networkId)?.Aliases ?? [];
}
