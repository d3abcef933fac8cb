import { readdir, readFile, writeFile } from 'node:fs/promises';

/**
 * A container that its own service's VIP leads back to: with br_netfilter the packet stays on the bridge, and a
 * bridge sends nothing back out of the port it came from, unless that port may. Ports appear with containers;
 * says whether one had to be changed.
 */
export async function ensureHairpin(bridges: Iterable<string>): Promise<boolean> {
  let changed = false;
  for (const bridge of bridges) {
    for (const port of await portsOf(bridge)) {
      if (await setHairpin(port)) changed = true;
    }
  }
  return changed;
}

const portsOf = (bridge: string) => unlessGone(() => readdir(`/sys/class/net/${bridge}/brif`), []);

const setHairpin = (port: string) =>
  unlessGone(async () => {
    const file = `/sys/class/net/${port}/brport/hairpin_mode`;
    if ((await readFile(file, 'utf8')).trim() === '1') return false;
    await writeFile(file, '1');
    return true;
  }, false);

/** Devices come and go while we look. */
async function unlessGone<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return otherwise;
    throw error;
  }
}
