import { isDeepStrictEqual } from 'node:util';
import { hostnameOf, type Network, type Node, nodeState, type Service } from '../../model/index.ts';
import type { Change } from '../../store/index.ts';
import { type Filters, matchesExactly, matchesLabels, matchesPrefix } from '../http/index.ts';
import { isVisible as isVisibleNetwork } from '../networks/index.ts';
import { isVisible } from '../objects/index.ts';

/** What `docker events` tells of services, nodes and networks, as Docker's managers do (moby daemon/events.go). */
export interface ClusterEvent {
  readonly Type: 'service' | 'node' | 'network';
  readonly Action: 'create' | 'update' | 'remove';
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: 'swarm';
  /** Seconds, and nanoseconds, since the epoch. */
  readonly time: number;
  readonly timeNano: number;
}

/** The event that a change is for those who use the cluster; undefined for what concerns nobody. `now` in ms. */
export function eventOf(change: Change, now: number): ClusterEvent | undefined {
  switch (change.table) {
    case 'services':
      return event('service', ...seen(change, isVisible), serviceName, serviceNews, now);
    case 'networks':
      return event('network', ...seen(change, isVisibleNetwork), networkName, () => undefined, now);
    case 'nodes':
      return event('node', change.before, change.after, hostnameOf, nodeNews, now);
    default:
      return undefined;
  }
}

/** An object that is being removed is gone for everybody. */
const seen = <T>(
  { before, after }: { readonly before?: T | undefined; readonly after?: T | undefined },
  isSeen: (one: T) => boolean,
): [T | undefined, T | undefined] => [
  before && isSeen(before) ? before : undefined,
  after && isSeen(after) ? after : undefined,
];

type News = Readonly<Record<string, string>>;

function event<T extends { readonly ID: string }>(
  Type: ClusterEvent['Type'],
  before: T | undefined,
  after: T | undefined,
  nameOf: (one: T) => string,
  /** What has changed; undefined for nothing that matters. */
  newsOf: (before: T, after: T) => News | undefined,
  now: number,
): ClusterEvent | undefined {
  const one = after ?? before;
  if (!one) return undefined;
  const news = before && after ? newsOf(before, after) : {};
  if (!news) return undefined;
  return {
    Type,
    Action: before ? (after ? 'update' : 'remove') : 'create',
    Actor: { ID: one.ID, Attributes: { name: nameOf(one), ...news } },
    scope: 'swarm',
    time: Math.floor(now / 1_000),
    timeNano: now * 1_000_000,
  };
}

const serviceName = ({ Spec }: Service): string => Spec.Name ?? '';
const networkName = ({ Spec }: Network): string => Spec.Name ?? '';

function serviceNews(before: Service, after: Service): News | undefined {
  const state = [before, after].map(({ UpdateStatus }) => UpdateStatus?.State ?? '');
  if (before.Spec === after.Spec && state[0] === state[1]) return undefined;
  const [old, present] = [before.Spec, after.Spec];
  return {
    ...turn('image', old.TaskTemplate?.ContainerSpec?.Image, present.TaskTemplate?.ContainerSpec?.Image),
    ...turn('replicas', old.Mode?.Replicated?.Replicas, present.Mode?.Replicated?.Replicas),
    ...turn('updatestate', state[0], state[1]),
  };
}

function nodeNews(before: Node, after: Node): News | undefined {
  const news = {
    ...turn('availability', before.Spec.Availability, after.Spec.Availability),
    ...turn('state', nodeState(before), nodeState(after)),
  };
  const isNews = Object.keys(news).length > 0 || !isDeepStrictEqual(before.Spec, after.Spec);
  return isNews ? news : undefined;
}

type Value = string | number | null | undefined;

/** `name.old` and `name.new`, where they differ. */
function turn(name: string, old: Value, present: Value): News {
  if (old === present) return {};
  return {
    ...(old && { [`${name}.old`]: String(old) }),
    ...(present !== undefined && { [`${name}.new`]: String(present) }),
  };
}

/** Kinds of objects by whose ids or names events may be filtered. */
const kinds = [
  'config',
  'container',
  'daemon',
  'image',
  'network',
  'node',
  'plugin',
  'secret',
  'service',
  'volume',
];
export const eventFilters = ['event', 'label', 'scope', 'type', ...kinds];

export function matchesEvent(filters: Filters, { Type, Action, Actor, scope }: ClusterEvent): boolean {
  return (
    matchesExactly(filters, 'type', Type) &&
    matchesExactly(filters, 'event', Action) &&
    matchesExactly(filters, 'scope', scope) &&
    matchesLabels(filters, 'label', Actor.Attributes) &&
    kinds.every(
      (kind) =>
        matchesPrefix(filters, kind, Actor.ID) || matchesPrefix(filters, kind, Actor.Attributes.name ?? ''),
    )
  );
}
