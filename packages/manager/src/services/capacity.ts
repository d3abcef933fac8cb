import { type GenericResource, isReady, type Node, type Task } from '../model/index.ts';
import { isEligible } from '../scheduler/constraints.ts';
import type { Target } from './new-task.ts';
import type { Nodes } from './standing.ts';

/** New ones. */
export const takesTasks = (node: Node): boolean =>
  isReady(node) && (node.Spec.Availability ?? 'active') === 'active' && node.reported.pressures === undefined;

/** Some node takes tasks and meets the constraints: what is missing there is only room. */
export const someNodeCouldRun = (target: Target, nodes: Nodes): boolean =>
  Iterator.from(nodes.all()).some((node) => takesTasks(node) && isEligible(node, target.spec.Placement));

/** A task of `target` is sure to fit where `old` runs, as soon as that has ended: it asks for no more. */
export function canTakePlaceOf(target: Target, old: Task, nodes: Nodes): boolean {
  const node = old.NodeID ? nodes.get(old.NodeID) : undefined;
  if (!node || !takesTasks(node) || !isEligible(node, target.spec.Placement)) return false;
  const asked = target.spec.Resources?.Reservations;
  const held = old.Spec.Resources?.Reservations;
  return (
    (asked?.NanoCPUs ?? 0) <= (held?.NanoCPUs ?? 0) &&
    (asked?.MemoryBytes ?? 0) <= (held?.MemoryBytes ?? 0) &&
    asksNoMore(asked?.GenericResources ?? [], held?.GenericResources ?? [])
  );
}

const asksNoMore = (asked: readonly GenericResource[], held: readonly GenericResource[]): boolean =>
  asked.every(({ DiscreteResourceSpec: wanted }) => {
    const had = held.find(({ DiscreteResourceSpec: unit }) => unit?.Kind === wanted?.Kind);
    return (wanted?.Value ?? 0) <= (had?.DiscreteResourceSpec?.Value ?? 0);
  });
