import type { Assignment, Assignments } from '@shoal/proto';

/** The tasks of this host as of a number that the manager gave. */
export interface AssignmentSet {
  readonly number: number;
  readonly tasks: ReadonlyMap<string, Assignment>;
}

export const noAssignments: AssignmentSet = { number: 0, tasks: new Map() };

/** The set after a message, or undefined when the message builds on a set that this one is not. */
export function applyAssignments(set: AssignmentSet, message: Assignments): AssignmentSet | undefined {
  if (!message.complete && message.appliesTo !== set.number) return undefined;
  const tasks = new Map(message.complete ? [] : set.tasks);
  for (const taskId of message.remove) tasks.delete(taskId);
  for (const assignment of message.put) tasks.set(assignment.taskId, assignment);
  return { number: message.resultsIn, tasks };
}

/** The message that leads to this set from any other. */
export const toComplete = ({ number, tasks }: AssignmentSet): Assignments => ({
  complete: true,
  appliesTo: 0,
  resultsIn: number,
  put: [...tasks.values()],
  remove: [],
  networks: [],
  removedNetworks: [],
  services: [],
  removedServices: [],
  peers: [],
  removedPeers: [],
});
