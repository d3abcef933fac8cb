import { batch, type PresentLink, readLinks, underlayMtu } from '../kernel/index.ts';
import type { NetworkState } from '../state/index.ts';
import { diffBridgeStates } from './bridge-states.ts';
import { desiredEntries } from './desired.ts';
import { diffEntries } from './entries.ts';
import { desiredVxlans, diffVxlans } from './links.ts';
import { readEntries } from './read-entries.ts';
import { ensureDeviceSettings } from './settings.ts';

/** Makes WireGuard's device first where one is needed: the VXLAN of encrypted networks runs over it. */
export type EnsureWireGuard = (links: readonly PresentLink[], underlay: number) => Promise<readonly string[]>;

/** If a device or a route is gone by the time of the change, the next look finds it. */
const rounds = 3;

/**
 * Makes VXLAN devices, addresses, routes and rules agree with the state, and shuts down the bridges that hold an address which the
 * host needs elsewhere (`needed`). Always looks at the kernel first: networks and hosts change seldom. Gives the devices that
 * there are, and the commands that were needed, but for those that shut down a bridge: that one was up is not a repair.
 */
export async function ensureIp(
  state: NetworkState,
  needed: readonly string[],
  ensureWireGuard: EnsureWireGuard,
): Promise<{ links: readonly PresentLink[]; changes: readonly string[] }> {
  const { links, changes } = await ensureLinks(state, needed, ensureWireGuard);
  const devices = new Set(links.map(({ name }) => name));
  await ensureDeviceSettings(devices);
  const desired = desiredEntries(state, devices);
  for (let round = 0; ; round++) {
    const steps = diffEntries(await readEntries(), desired);
    if (steps.length === 0) return { links, changes };
    for (const { tool, lines } of steps) {
      changes.push(...lines);
      try {
        await batch(tool, lines);
      } catch (error) {
        if (round === rounds - 1) throw error;
      }
    }
    if (round === rounds - 1) return { links, changes };
  }
}

async function ensureLinks(
  state: NetworkState,
  needed: readonly string[],
  ensureWireGuard: EnsureWireGuard,
): Promise<{ links: readonly PresentLink[]; changes: string[] }> {
  let links = await readLinks();
  const mtu = underlayMtu(links, state.self.address);
  const changes = [...(await ensureWireGuard(links, mtu))];
  if (changes.length > 0) links = await readLinks();
  // Without WireGuard the encrypted VXLAN has nothing to run over.
  const grounded = desiredVxlans(state, mtu).filter(
    ({ lower }) => lower === '' || links.some(({ name }) => name === lower),
  );
  for (let round = 0; ; round++) {
    const vxlans = diffVxlans(links, grounded);
    // Routes into a bridge go with it when it is shut down, and can't come back before it.
    const bridges = diffBridgeStates(links, needed);
    if (vxlans.length + bridges.length === 0 || round === rounds) return { links, changes };
    changes.push(...vxlans, ...bridges.filter((line) => line.endsWith(' up')));
    try {
      await batch('ip', [...vxlans, ...bridges]);
    } catch (error) {
      if (round === rounds - 1) throw error;
    }
    links = await readLinks();
  }
}
