/** Whether a release is newer than another by its version, `1.2.3` of `1.2.3-5516ceee`; builds of one version are not. */
export function isNewer(release: string, than: string): boolean {
  const [a, b] = [numbersOf(release), numbersOf(than)];
  const at = a.findIndex((number, index) => number !== b[index]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}

const numbersOf = (release: string): number[] =>
  (/^\d+\.\d+\.\d+/.exec(release)?.[0] ?? '0.0.0').split('.').map(Number);
