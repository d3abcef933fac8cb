import { type Block, formatBlock, parseAddress, parseBlock, sizeOf } from '@shoal/proto/rules';
import type { Slice } from '../model/index.ts';
import { type Cut, roomIn } from './subnets.ts';

/**
 * The slices without those that their owners grew by and need no more: nobody has an address there, and what is left
 * is room enough. An owner's first slice of a subnet always stays, since its bridge has the gateway's address there.
 */
export function withoutSpare(
  { subnets, slices, reserved = [] }: Cut,
  needs: ReadonlyMap<string, number>,
  taken: ReadonlySet<string>,
): Slice[] {
  const used = usedBlocks(slices, taken, new Set(reserved));
  const firsts = firstOfEach(subnets.map(parseBlock), slices);
  const room = new Map<string, number>();
  for (const { owner, cidr } of slices) room.set(owner, (room.get(owner) ?? 0) + roomIn(cidr, reserved));
  // The youngest go first.
  const spare = slices.toReversed().filter((slice) => {
    const left = (room.get(slice.owner) ?? 0) - roomIn(slice.cidr, reserved);
    if (firsts.has(slice) || used.has(slice.cidr) || left < (needs.get(slice.owner) ?? 0)) return false;
    room.set(slice.owner, left);
    return true;
  });
  return slices.filter((slice) => !spare.includes(slice));
}

/** In CIDR form: blocks of the slices' sizes that hold an address in use. */
function usedBlocks(
  slices: readonly Slice[],
  taken: ReadonlySet<string>,
  reserved: ReadonlySet<string>,
): Set<string> {
  const prefixes = new Set(slices.map(({ cidr }) => parseBlock(cidr).prefix));
  const used = new Set<string>();
  for (const text of taken) {
    const address = parseAddress(text) ?? 0;
    if (reserved.has(text)) continue;
    for (const prefix of prefixes)
      used.add(formatBlock({ base: address - (address % sizeOf(prefix)), prefix }));
  }
  return used;
}

function firstOfEach(subnets: readonly Block[], slices: readonly Slice[]): Set<Slice> {
  const firsts = new Map<string, Slice>();
  for (const slice of slices) {
    const { base } = parseBlock(slice.cidr);
    const subnet = subnets.findIndex(
      (block) => base >= block.base && base < block.base + sizeOf(block.prefix),
    );
    const key = `${slice.owner} ${subnet}`;
    if (!firsts.has(key)) firsts.set(key, slice);
  }
  return new Set(firsts.values());
}
