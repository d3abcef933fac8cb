import type { Node, Platform } from '../model/index.ts';

const aliases: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

/** The kernel's and Docker's names of one architecture are the same thing. */
export function normalArch(name: string): string {
  const lower = name.toLowerCase();
  return aliases[lower] ?? lower;
}

/** No platforms means any; an empty field of a platform means any, as in Swarm. */
export function platformMatches(node: Node, platforms: readonly Platform[] | null | undefined): boolean {
  if (!platforms || platforms.length === 0) return true;
  const { OS, Architecture } = node.reported.description.Platform ?? {};
  if (!OS && !Architecture) return false;
  const arch = normalArch(Architecture ?? '');
  return platforms.some(
    (wanted) =>
      (!wanted.OS || wanted.OS === OS) && (!wanted.Architecture || normalArch(wanted.Architecture) === arch),
  );
}
