import { type Network, predefinedNetworks } from '../../model/index.ts';
import type { ReadView } from '../../store/index.ts';
import { badRequest, notFound } from '../http/index.ts';

/** One of the networks that every daemon has by itself. */
export type Predefined = (typeof predefinedNetworks)[number];

export type AnyNetwork =
  | { readonly stored: Network; readonly predefined?: undefined }
  | { readonly predefined: Predefined; readonly stored?: undefined };

/** A network that is being removed is gone for everybody but the allocator. */
export const isVisible = ({ shoal }: Network): boolean => shoal.removing !== true;

export const allNetworks = (view: ReadView): AnyNetwork[] => [
  ...predefinedNetworks.map((predefined) => ({ predefined })),
  ...[...view.networks.all()]
    .filter(isVisible)
    .toSorted((a, b) => (a.ID < b.ID ? -1 : 1))
    .map((stored) => ({ stored })),
];

export const idOf = ({ stored, predefined }: AnyNetwork): string => stored?.ID ?? predefined?.id ?? '';
export const nameOf = ({ stored, predefined }: AnyNetwork): string =>
  stored?.Spec.Name ?? predefined?.name ?? '';

/** By full id, else by name, else by the beginning of an id, as Docker does. Throws 404, or 400 for several. */
export function findNetwork(view: ReadView, given: string): AnyNetwork {
  const all = allNetworks(view);
  const exact =
    all.find((network) => idOf(network) === given) ?? all.find((network) => nameOf(network) === given);
  if (exact) return exact;
  // "n" is not short for "none".
  const isLonger = ({ predefined }: AnyNetwork) => !predefined || given.startsWith(predefined.name);
  const hits = given === '' ? [] : all.filter((one) => idOf(one).startsWith(given) && isLonger(one));
  const [hit] = hits;
  if (!hit) throw notFound('network', given);
  if (hits.length > 1) {
    throw badRequest(`network ${given} is ambiguous (${hits.length} matches found based on ID prefix)`);
  }
  return hit;
}
