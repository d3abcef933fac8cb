import type { Payload, PayloadKind } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { type Filters, matchesLabels } from '../http/index.ts';
import { only } from '../objects/index.ts';

export const filterKeys = ['id', 'label', 'name', 'names'];

/** By id, name, or the beginning of an id. Throws 404, or 400 for several. */
export function findPayload(view: ReadView, kind: PayloadKind, given: string): Payload {
  const table = view[`${kind}s`];
  return table.get(given) ?? only(kind, given, table.by('name', given), () => table.all());
}

/** As swarmkit lists them: `names` are whole, `name` and `id` beginnings, any of them will do; labels hold all. */
export const listPayloads = (view: ReadView, kind: PayloadKind, filters: Filters): Payload[] =>
  [...view[`${kind}s`].all()]
    .filter(
      ({ ID, Spec }) => isNamed(filters, ID, Spec.Name ?? '') && matchesLabels(filters, 'label', Spec.Labels),
    )
    .toSorted((a, b) => (a.ID < b.ID ? -1 : 1));

function isNamed(filters: Filters, id: string, name: string): boolean {
  const [names, prefixes, ids] = ['names', 'name', 'id'].map((key) => filters.get(key) ?? []);
  if (![names, prefixes, ids].some((values) => values?.length)) return true;
  return Boolean(
    names?.includes(name) ||
      prefixes?.some((prefix) => name.startsWith(prefix)) ||
      ids?.some((prefix) => id.startsWith(prefix)),
  );
}
