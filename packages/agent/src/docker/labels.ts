/** Which agent of which cluster a container belongs to. An agent never touches one that is not its own. */
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
  `${clusterLabel}=${clusterId}`,
];

/** The task of a container, if it is this owner's. */
export const taskOf = (labels: Readonly<Record<string, string>>, owner: Owner): string | undefined =>
  labels[nodeLabel] === owner.nodeId && labels[clusterLabel] === owner.clusterId
    ? labels[taskLabel]
    : undefined;
