import { fittingAttributes } from '@shoal/proto/rules';
import { hostnameOf, type Node } from '../model/index.ts';
import type { Tx } from '../store/index.ts';
import { append, type NewEvent } from './log.ts';

/** What a host's daemon tells of one container. */
export interface ContainerEvent {
  /** Microseconds since the epoch, by the host's clock; later than that of every event before it. */
  readonly atUs: number;
  readonly action: string;
  readonly containerId: string;
  /** The container's labels, with its `name` and `image`. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface ContainerEvents {
  /** In order. */
  readonly events: readonly ContainerEvent[];
  /** How many the host had to drop before these. */
  readonly dropped: number;
}

const mostOfName = 200;

/**
 * Writes down what a node tells of its containers, but what it has told before. What it says of tasks that another one has is
 * nobody's word, and left out.
 */
export function takeContainerEvents(
  tx: Tx,
  node: Node,
  { events, dropped }: ContainerEvents,
  nowMs: number,
): void {
  const mark = tx.eventMarks.get(node.ID);
  const known = mark?.untilUs ?? 0;
  const fresh = events.filter(({ atUs }) => atUs > known);
  const untilUs = fresh.at(-1)?.atUs ?? known;
  if (untilUs === known) return;
  const own = fresh.filter(({ attributes }) => isOf(tx, node, attributes)).map(toEvent);
  append(tx, dropped > 0 ? [lost(node, dropped), ...own] : own, nowMs);
  if (mark) tx.eventMarks.update({ ...mark, untilUs });
  else tx.eventMarks.create({ ID: node.ID, untilUs, count: 0 });
}

/** Of a task that is gone, only what the node says is known. */
function isOf(tx: Tx, { ID }: Node, attributes: ContainerEvent['attributes']): boolean {
  const task = tx.tasks.get(attributes['com.docker.swarm.task.id'] ?? '');
  return attributes['com.docker.swarm.node.id'] === ID && (task === undefined || task.NodeID === ID);
}

const toEvent = ({ atUs, action, containerId, attributes }: ContainerEvent): NewEvent => ({
  atUs,
  Type: 'container',
  Action: action.slice(0, mostOfName),
  Actor: { ID: containerId.slice(0, mostOfName), Attributes: fittingAttributes(attributes) },
  scope: 'local',
});

/** Docker has no word for it, and silence would be a lie. */
const lost = (node: Node, count: number): NewEvent => ({
  Type: 'daemon',
  Action: 'events-lost',
  Actor: { ID: node.ID, Attributes: { name: hostnameOf(node), count: String(count) } },
  scope: 'local',
});
