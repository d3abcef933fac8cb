/** FNV-1a over the node's id, 32 bits. */
export function tieBreak(nodeId: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < nodeId.length; index++) {
    hash = Math.imul(hash ^ nodeId.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
