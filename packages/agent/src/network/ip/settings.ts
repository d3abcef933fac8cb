import { readFile, writeFile } from 'node:fs/promises';

/** Settings under /proc/sys/net of devices of ours, by the start of the device's name. */
const deviceSettings: readonly (readonly [prefix: string, setting: string, value: string])[] = [
  // A published connection's client has its own address, which the host reaches by another way. Not 0: the kernel takes
  // the higher of this and the host's own, which may become 1 at any time.
  ['sh.', 'ipv4/conf/DEVICE/rp_filter', '2'],
  // Published ports on 127.0.0.1; packets from outside to such addresses are dropped by our rules.
  ['sh.', 'ipv4/conf/DEVICE/route_localnet', '1'],
  // Containers see the whole subnet as their link: the host answers for what is elsewhere, at once.
  ['sh.n', 'ipv4/conf/DEVICE/proxy_arp', '1'],
  ['sh.n', 'ipv4/neigh/DEVICE/proxy_delay', '0'],
];

export async function ensureDeviceSettings(devices: ReadonlySet<string>): Promise<void> {
  for (const device of devices) {
    for (const [prefix, setting, value] of deviceSettings) {
      if (device.startsWith(prefix)) await ensureSetting(setting.replace('DEVICE', device), value);
    }
  }
}

/** Writes a file under /proc/sys/net unless it says so already; tells whether it had to. A device that is gone has none. */
export async function ensureSetting(setting: string, value: string): Promise<boolean> {
  const path = `/proc/sys/net/${setting}`;
  try {
    if ((await readFile(path, 'utf8')).trim() === value) return false;
    await writeFile(path, value);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}
