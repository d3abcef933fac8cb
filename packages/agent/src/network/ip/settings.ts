import { readFile, writeFile } from 'node:fs/promises';

/** Settings under /proc/sys/net of devices of ours, by the start of the device's name. */
const deviceSettings: readonly (readonly [prefix: string, setting: string, value: string])[] = [
  // Published ports on 127.0.0.1; packets from outside to such addresses are dropped by our rules.
  ['sh.', 'ipv4/conf/DEVICE/route_localnet', '1'],
  // Containers see the whole subnet as their link: the host answers for what is elsewhere, at once.
  ['sh.n', 'ipv4/conf/DEVICE/proxy_arp', '1'],
  ['sh.n', 'ipv4/neigh/DEVICE/proxy_delay', '0'],
];

export async function ensureDeviceSettings(devices: ReadonlySet<string>): Promise<void> {
  const check = await reversePathCheck();
  for (const device of devices) {
    if (device.startsWith('sh.')) await ensureSetting(`ipv4/conf/${device}/rp_filter`, check);
    for (const [prefix, setting, value] of deviceSettings) {
      if (device.startsWith(prefix)) await ensureSetting(setting.replace('DEVICE', device), value);
    }
  }
}

/**
 * A published connection's client has its own address, which the host reaches by another way: its packets must not be
 * taken for forged. No check at all is the cheapest, but the kernel takes the higher of the device's and the host's.
 */
async function reversePathCheck(): Promise<string> {
  const hosts = await readFile('/proc/sys/net/ipv4/conf/all/rp_filter', 'utf8');
  return hosts.trim() === '1' ? '2' : '0';
}

/** Writes a file under /proc/sys/net unless it says so already. A device that is gone has none. */
export async function ensureSetting(setting: string, value: string): Promise<void> {
  const path = `/proc/sys/net/${setting}`;
  try {
    if ((await readFile(path, 'utf8')).trim() !== value) await writeFile(path, value);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
