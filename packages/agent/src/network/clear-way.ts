import { blockOf, covers, requireAddress } from '@shoal/proto/rules';
import { diffBridgeStates, type Entry, readEntries } from './ip/index.ts';
import { batch, readLinks, run } from './kernel/index.ts';
import type { Needs } from './needs/index.ts';
import { type Change, type PresentTable, readPresent, renderChanges } from './nft/index.ts';

/** Takes away what would cut this host off, and leaves all else as it is. */
export async function clearWay(needs: Needs): Promise<void> {
  const present = await readPresent();
  const ports = present ? strayPorts(present, needs) : [];
  if (ports.length > 0) await run('nft', ['-f', '-'], { input: renderChanges(ports) });
  const bridges = diffBridgeStates(await readLinks(), needs.addresses.keys());
  await batch('ip', [...strayRoutes(await readEntries(), needs), ...bridges]);
}

/**
 * What an earlier agent left in the kernel and would cut this host off. For an agent that lost its journal, or was given another
 * address of its manager: it learns what should be there only when it gets through.
 */
export function strayPorts(present: PresentTable, { ports }: Needs): Change[] {
  return ['ports', 'idle_ports'].flatMap((set): Change[] => {
    const stray = [...(present.sets.get(set) ?? [])].filter(([key]) => ports.has(key.replace(' . ', '/')));
    return stray.length > 0 ? [{ kind: 'delete-elements', set, elements: new Map(stray) }] : [];
  });
}

/** Lines for `ip -batch`. */
export function strayRoutes(present: readonly Entry[], { addresses }: Needs): string[] {
  const needed = [...addresses.keys()].map((address) => ({ base: requireAddress(address), prefix: 32 }));
  return present
    .filter(({ kind }) => kind === 'route')
    .filter(({ key }) => {
      const to = key.slice(key.indexOf(' ') + 1);
      return to !== 'default' && needed.some((address) => covers(blockOf(to), address));
    })
    .map(({ remove }) => remove);
}
