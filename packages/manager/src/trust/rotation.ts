import type { Node, Trust } from '../model/index.ts';

/** The roots that count now, PEM: first the one that signs. */
export const trustedRoots = ({ root, former }: Trust): string[] => [
  root.certificate,
  ...(former ? [former.certificate] : []),
];

/** Nodes that the former root is still needed for: their agents have shown no certificate of the one that signs. */
export function notRotated({ root, former }: Trust, nodes: Iterable<Node>): Node[] {
  if (!former) return [];
  return [...nodes].filter(({ allotted }) => allotted.signedBy !== root.digest);
}

/** The rotation is over: certificates of the former root count no more. */
export const withoutFormer = ({ former: _, ...trust }: Trust): Trust => trust;
