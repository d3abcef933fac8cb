import { parseDuration } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import {
  badRequest,
  type Filters,
  matchesExactly,
  matchesLabels,
  oneOfFilter,
  parseFilters,
} from '../http/index.ts';
import { userOf } from './changes.ts';
import { type AnyNetwork, allNetworks, idOf, nameOf } from './resolve.ts';
import { networkView } from './views.ts';

export const listKeys = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];
export const pruneKeys = ['label', 'label!', 'until'];

/** Networks that pass the filters of `GET /networks`. Throws 400 for filters that say nothing. */
export function listNetworks(view: ReadView, text: string | undefined): AnyNetwork[] {
  const filters = parseFilters(text, listKeys);
  const types = oneOfFilter(filters, 'type', ['builtin', 'custom']);
  const dangling = danglingFilter(filters);
  return allNetworks(view).filter((network) => {
    const { Driver, Scope, Labels } = networkView(view, network);
    const type = isBuiltin(network) ? 'builtin' : 'custom';
    return (
      matchesText(filters, 'id', idOf(network)) &&
      matchesText(filters, 'name', nameOf(network)) &&
      matchesExactly(filters, 'driver', Driver ?? '') &&
      matchesExactly(filters, 'scope', Scope) &&
      matchesLabels(filters, 'label', Labels) &&
      (types.length === 0 || types.includes(type)) &&
      (dangling === undefined || dangling === isDangling(view, network))
    );
  });
}

const isBuiltin = ({ predefined }: AnyNetwork): boolean => predefined !== undefined;

const isDangling = (view: ReadView, { stored }: AnyNetwork): boolean =>
  stored !== undefined && !stored.Spec.Ingress && userOf(view, stored.ID) === undefined;

function danglingFilter(filters: Filters): boolean | undefined {
  const values = filters.get('dangling') ?? [];
  if (values.length === 0) return undefined;
  if (values.length > 1) throw badRequest('got more than one value for filter key "dangling"');
  if (['1', 'true'].includes(values[0] ?? '')) return true;
  if (['0', 'false'].includes(values[0] ?? '')) return false;
  throw badRequest(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
}

/** Docker takes a regular expression here; what people send is a part of the name, perhaps with ^ and $. */
function matchesText(filters: Filters, key: string, actual: string): boolean {
  return (
    filters.get(key)?.some((pattern) => {
      const text = pattern.replace(/^\^/, '').replace(/\$$/, '');
      const fromStart = pattern.startsWith('^');
      const toEnd = pattern.endsWith('$');
      if (fromStart && toEnd) return actual === text;
      if (fromStart) return actual.startsWith(text);
      return toEnd ? actual.endsWith(text) : actual.includes(text);
    }) ?? true
  );
}

/** Networks that `POST /networks/prune` removes: nobody uses them, and the filters let them pass. */
export function prunable(view: ReadView, text: string | undefined, now: number): AnyNetwork[] {
  const filters = parseFilters(text, pruneKeys);
  const until = untilFilter(filters, now);
  return allNetworks(view).filter(
    (network) =>
      network.stored &&
      isDangling(view, network) &&
      matchesLabels(filters, 'label', network.stored.Spec.Labels) &&
      !(filters.get('label!') && matchesLabels(filters, 'label!', network.stored.Spec.Labels)) &&
      Date.parse(network.stored.CreatedAt) <= until,
  );
}

/** A time, as seconds since the epoch or RFC 3339, or a duration before now. */
function untilFilter(filters: Filters, now: number): number {
  const values = filters.get('until') ?? [];
  if (values.length > 1) throw badRequest('more than one until filter specified');
  const [text] = values;
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const ago = parseDuration(text);
  if (ago !== undefined && text !== '0') return now - ago;
  const at = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
  if (Number.isNaN(at)) throw badRequest(`invalid until filter: '${text}' is neither a time nor a duration`);
  return at;
}

/** Services can name the daemons' own networks too, so those are also in the swarm's scope. */
export const isInScope = ({ predefined }: AnyNetwork, scope: string): boolean =>
  scope === '' || scope === 'swarm' || (scope === 'local' && predefined !== undefined);
