import type { Assignment } from '@shoal/proto';

/** Which agent of which cluster a container belongs to. An agent never touches one that is not its own. */
export interface Owner {
  readonly nodeId: string;
  readonly clusterId: string;
}

export const taskLabel = 'shoal.task.id';
const nodeLabel = 'shoal.node.id';
export const clusterLabel = 'shoal.cluster.id';

/**
 * The labels of a task's container: the user's, then those that Docker's own executor sets and tools look
 * for (moby, daemon/cluster/executor/container/container.go `labels`), then ours.
 */
export const labelsOf = (task: Assignment, owner: Owner): Record<string, string> => ({
  ...task.container?.labels,
  'com.docker.swarm.task': '',
  'com.docker.swarm.task.id': task.taskId,
  'com.docker.swarm.task.name': task.containerName,
  'com.docker.swarm.node.id': owner.nodeId,
  'com.docker.swarm.service.id': task.serviceId,
  'com.docker.swarm.service.name': task.serviceName,
  [taskLabel]: task.taskId,
  [nodeLabel]: owner.nodeId,
  [clusterLabel]: owner.clusterId,
});

/** For Docker's label filter: all of them have to match. */
export const ownerFilter = ({ nodeId, clusterId }: Owner): string[] => [
  `${nodeLabel}=${nodeId}`,
  `${clusterLabel}=${clusterId}`,
];

/** The task of a container, if it is this owner's. */
export const taskOf = (labels: Readonly<Record<string, string>>, owner: Owner): string | undefined =>
  labels[nodeLabel] === owner.nodeId && labels[clusterLabel] === owner.clusterId
    ? labels[taskLabel]
    : undefined;
