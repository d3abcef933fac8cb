import { isDeepStrictEqual } from 'node:util';
import {
  contentVersion,
  hostnameOf,
  type Network,
  type Node,
  nodeState,
  type Payload,
  type Service,
} from '../model/index.ts';
import type { Change, Derive } from '../store/index.ts';
import { append, type NewEvent } from './log.ts';

/** Writes down what a transaction means to people, in the same transaction: no event without its change, nor the other way round. */
export const recordEvents: Derive = (tx, changes, nowMs) => {
  const events = changes.flatMap((change) => eventOf(change) ?? []);
  append(tx, events, nowMs);
  const marks = changes.filter(
    ({ table, id, after }) => table === 'nodes' && !after && tx.eventMarks.get(id),
  );
  for (const { id } of marks) tx.eventMarks.remove(id);
  return events.length > 0 || marks.length > 0;
};

/** The event that a change is for those who use the cluster, as Docker's managers tell it (moby daemon/events.go); undefined for what concerns nobody. */
function eventOf(change: Change): NewEvent | undefined {
  switch (change.table) {
    case 'services':
      return event('service', ...seen(change), specName, serviceNews);
    case 'networks':
      return event('network', ...seen(change), specName, noNews);
    case 'secrets':
    case 'configs': {
      const kind = change.table === 'secrets' ? 'secret' : 'config';
      return event(kind, change.before, change.after, specName, payloadNews);
    }
    case 'nodes':
      return event('node', change.before, change.after, hostnameOf, nodeNews);
    default:
      return undefined;
  }
}

/** An object that is being removed is gone for everybody. */
function seen<T extends Service | Network>({
  before,
  after,
}: {
  readonly before?: T | undefined;
  readonly after?: T | undefined;
}): [T | undefined, T | undefined] {
  const ifSeen = (one: T | undefined) => (one?.shoal.removing ? undefined : one);
  return [ifSeen(before), ifSeen(after)];
}

type News = Readonly<Record<string, string>>;

function event<T extends { readonly ID: string }>(
  Type: NewEvent['Type'],
  before: T | undefined,
  after: T | undefined,
  nameOf: (one: T) => string,
  /** What has changed; undefined for nothing that matters. */
  newsOf: (before: T, after: T) => News | undefined,
): NewEvent | undefined {
  const one = after ?? before;
  if (!one) return undefined;
  const news = before && after ? newsOf(before, after) : {};
  if (!news) return undefined;
  return {
    Type,
    Action: before ? (after ? 'update' : 'remove') : 'create',
    Actor: { ID: one.ID, Attributes: { name: nameOf(one), ...news } },
    scope: 'swarm',
  };
}

const specName = ({ Spec }: { readonly Spec: { readonly Name?: string | null } }): string => Spec.Name ?? '';
/** What never changes for people. */
const noNews = () => undefined;

/** That it is sealed anew is none. */
const payloadNews = (before: Payload, after: Payload): News | undefined =>
  before.Spec === after.Spec && contentVersion(before) === contentVersion(after) ? undefined : {};

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
