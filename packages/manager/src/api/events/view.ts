import { type Event, hostnameOf } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { type Filters, matchesExactly, matchesLabels, matchesPrefix } from '../http/index.ts';

/** As Docker's daemon writes it (moby api/types/events, daemon/events/events.go): that of a container says some things twice. */
export const eventView = ({ atUs, Type, Action, Actor, scope }: Event) => ({
  ...(Type === 'container' && { status: Action, id: Actor.ID, from: Actor.Attributes.image ?? '' }),
  Type,
  Action,
  Actor,
  scope,
  time: Math.floor(atUs / 1_000_000),
  // A double has no room for it to the nanosecond, but for each microsecond it has one that is written as it should be.
  timeNano: atUs * 1_000,
});

/** Kinds of objects by whose ids or names events may be filtered. */
const kinds = ['config', 'container', 'daemon', 'network', 'node', 'plugin', 'secret', 'service', 'volume'];
export const eventFilters = ['event', 'image', 'label', 'scope', 'type', ...kinds];

/** As moby daemon/events/filter.go does it. Beyond that, `node` also finds what happened to the containers of a node. */
export const matchesEvent = (filters: Filters, event: Event, view: ReadView): boolean =>
  matchesExactly(filters, 'type', event.Type) &&
  matchesAction(filters, event.Action) &&
  matchesExactly(filters, 'scope', event.scope) &&
  matchesLabels(filters, 'label', event.Actor.Attributes) &&
  matchesImage(filters, event) &&
  kinds.every((kind) => namesOf(kind, event, view).some((name) => matchesPrefix(filters, kind, name)));

/** Of `health_status: healthy` the beginning is enough. */
const matchesAction = (filters: Filters, action: string): boolean =>
  matchesExactly(filters, 'event', action) || matchesExactly(filters, 'event', action.split(':')[0] ?? '');

function namesOf(kind: string, { Type, Actor }: Event, view: ReadView): string[] {
  const node =
    kind === 'node' && Type === 'container' ? (Actor.Attributes['com.docker.swarm.node.id'] ?? '') : '';
  const known = node && view.nodes.get(node);
  return [
    Actor.ID,
    Actor.Attributes.name ?? '',
    ...(node ? [node] : []),
    ...(known ? [hostnameOf(known)] : []),
  ];
}

/** That of a container, with or without its tag. */
function matchesImage(filters: Filters, { Actor }: Event): boolean {
  const { image = '' } = Actor.Attributes;
  return [Actor.ID, image, withoutTag(image)].some((name) => matchesExactly(filters, 'image', name));
}

/** As people write it: `nginx`, of `docker.io/library/nginx:1@sha256:…`. */
const withoutTag = (image: string): string =>
  image
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^docker\.io\/(library\/)?/, '');
