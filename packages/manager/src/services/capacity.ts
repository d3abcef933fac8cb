import { newerFields } from '../container-body/index.ts';
import { allowsPrivileged, type GenericResource, isReady, type Node, type Task } from '../model/index.ts';
import { isEligible, knowsField } from '../scheduler/index.ts';
import type { Target } from './new-task.ts';
import type { Nodes } from './presence.ts';

/** It gets new tasks: it is ready, active, and short of nothing. */
export const takesTasks = (node: Node): boolean =>
  isReady(node) && (node.Spec.Availability ?? 'active') === 'active' && node.reported.pressures === undefined;

/** Whether a node takes tasks and is fit for such ones: what is missing there is only room. */
export function couldRun({ spec, hostAccess }: Pick<Target, 'spec' | 'hostAccess'>): (node: Node) => boolean {
  const newer = newerFields(spec);
  return (node) =>
    takesTasks(node) &&
    isEligible(node, spec.Placement) &&
    (hostAccess === undefined || allowsPrivileged(node.Spec.Labels)) &&
    newer.every((field) => knowsField(node, field));
}

/** Some node could run it, if it had room; `only`: no other one comes into question. */
export function someNodeCouldRun(target: Target, only: string | undefined, nodes: Nodes): boolean {
  const own = only === undefined ? nodes.all() : [nodes.get(only)].filter((node) => node !== undefined);
  return Iterator.from(own).some(couldRun(target));
}

/** A task of `target` is sure to fit where `old` runs, as soon as that has ended: it asks for no more. */
export function canTakePlaceOf(target: Target, old: Task, nodes: Nodes): boolean {
  const node = old.NodeID ? nodes.get(old.NodeID) : undefined;
  if (!node || !couldRun(target)(node)) return false;
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
