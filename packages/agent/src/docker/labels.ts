/**
 * Which agent of which cluster a container belongs to. An agent never touches one of another cluster, and one of another node
 * of its own only when that node was removed.
 */
export interface Owner {
  readonly nodeId: string;
  readonly clusterId: string;
}

export const taskLabel = 'shoal.task.id';
const nodeLabel = 'shoal.node.id';
export const clusterLabel = 'shoal.cluster.id';

/** By these an agent knows its task's container again. */
export const ownerLabels = (taskId: string, owner: Owner): Record<string, string> => ({
  [taskLabel]: taskId,
  [nodeLabel]: owner.nodeId,
  [clusterLabel]: owner.clusterId,
});

/** For Docker's label filter: all of them have to match. */
export const ownerFilter = ({ nodeId, clusterId }: Owner): string[] => [
  `${nodeLabel}=${nodeId}`,
  ...clusterFilter(clusterId),
];

/** The same, for what any node of the cluster made here. */
export const clusterFilter = (clusterId: string): string[] => [`${clusterLabel}=${clusterId}`];

/** The task of a container, if it is this owner's. */
export const taskOf = (labels: Readonly<Record<string, string>>, owner: Owner): string | undefined =>
  labels[nodeLabel] === owner.nodeId && labels[clusterLabel] === owner.clusterId
    ? labels[taskLabel]
    : undefined;

/** The task and the node of a container of this cluster. */
export function originOf(
  labels: Readonly<Record<string, string>>,
  clusterId: string,
): { readonly taskId: string; readonly nodeId: string } | undefined {
  const { [taskLabel]: taskId, [nodeLabel]: nodeId } = labels;
  return labels[clusterLabel] === clusterId && taskId && nodeId ? { taskId, nodeId } : undefined;
}
