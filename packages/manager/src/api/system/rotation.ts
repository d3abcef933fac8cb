import { type Cluster, hostnameOf, type Node, nodeState } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { notRotated } from '../../trust/index.ts';

const mostNamed = 5;

/**
 * Which nodes a rotation of the root waits for, and what to do about it, for people; undefined while none is under way. As in
 * Swarm, it waits for all that are in the cluster, those that are down included (swarmkit ca/reconciler.go).
 */
export function rotationWaits({ trust }: Cluster, view: ReadView): string | undefined {
  if (!trust.former) return undefined;
  const behind = notRotated(trust, view.nodes.all());
  const some = behind.slice(0, mostNamed).map(named).join(', ');
  const names = behind.length > mostNamed ? `${some}, …` : some;
  const count = behind.length === 1 ? '1 node has' : `${behind.length} nodes have`;
  return `${count} no certificate of the new root yet (${names}); start the agents of those that are down, or remove those that are gone for good (docker node rm --force NODE)`;
}

const named = (node: Node): string => {
  const state = nodeState(node);
  return state === 'ready' ? hostnameOf(node) : `${hostnameOf(node)}, which is ${state}`;
};
