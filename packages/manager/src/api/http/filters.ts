import { badRequest } from './errors.ts';

/** The `filters` of a list request: key → the values asked for. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/**
 * Reads the query parameter: `{"name":{"web":true}}`, or the older `{"name":["web"]}`.
 * Throws 400 for anything else and for keys not in `accepted`.
 */
export function parseFilters(text: string | undefined, accepted: readonly string[]): Filters {
  const filters = new Map<string, readonly string[]>();
  if (text === undefined || text === '') return filters;
  for (const [key, values] of Object.entries(parseObject(text))) {
    if (!accepted.includes(key)) {
      throw badRequest(`invalid filter '${key}' (known here: ${accepted.filter(isPublic).join(', ')})`);
    }
    const list = Array.isArray(values) ? values : Object.keys(asObject(values));
    if (!list.every((value) => typeof value === 'string')) throw badRequest(`invalid filter '${key}'`);
    if (list.length > 0) filters.set(key, list);
  }
  return filters;
}

const isPublic = (key: string): boolean => !key.startsWith('_');

function parseObject(text: string): object {
  try {
    return asObject(JSON.parse(text));
  } catch {
    throw badRequest(
      'invalid filter: the parameter "filters" must be a JSON object such as {"name":{"web":true}}',
    );
  }
}

function asObject(value: unknown): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest('invalid filter');
  return value;
}

/** No values: everything passes. */
export const matchesExactly = (filters: Filters, key: string, actual: string): boolean =>
  filters.get(key)?.includes(actual) ?? true;

export const matchesPrefix = (filters: Filters, key: string, actual: string): boolean =>
  filters.get(key)?.some((prefix) => actual.startsWith(prefix)) ?? true;

/** All labels asked for must be there: `name`, or `name=value`. */
export const matchesLabels = (
  filters: Filters,
  key: string,
  labels: Readonly<Record<string, string>> | null | undefined,
): boolean =>
  filters.get(key)?.every((wanted) => {
    const [name = '', ...value] = wanted.split('=');
    const actual = labels && Object.hasOwn(labels, name) ? labels[name] : undefined;
    const expected = value.join('=');
    return actual !== undefined && (expected === '' || expected === actual);
  }) ?? true;

/** Throws 400 when a value of the filter is not in the list; upper and lower case are the same. */
export function oneOfFilter(filters: Filters, key: string, allowed: readonly string[]): readonly string[] {
  const values = (filters.get(key) ?? []).map((value) => value.toLowerCase());
  const wrong = values.find((value) => !allowed.includes(value));
  if (wrong !== undefined)
    throw badRequest(`invalid ${key} filter: '${wrong}' (one of ${allowed.join(', ')})`);
  return values;
}
