import { access } from 'node:fs/promises';
import { run } from '../kernel/index.ts';
import { ensureSetting } from './settings.ts';

/** The result of a look at the host's settings, in words for people. */
export interface HostSettings {
  /** What keeps networks from working, in words. */
  readonly troubles: readonly string[];
  /** Settings that had to be changed. */
  readonly changes: readonly string[];
}

/** Makes this host forward packets. */
export async function ensureHostSettings(): Promise<HostSettings> {
  const changes: string[] = [];
  const setting = async (name: string) => {
    if (await ensureSetting(name.replaceAll('.', '/'), '1')) changes.push(`net.${name}=1`);
  };
  const troubles = await Promise.all([
    attempt('forwarding of packets (net.ipv4.ip_forward)', () => setting('ipv4.ip_forward')),
    attempt(
      'replies between containers on one host (module br_netfilter, net.bridge.bridge-nf-call-iptables)',
      async () => {
        await bridgeFilter();
        await setting('bridge.bridge-nf-call-iptables');
      },
    ),
    attempt('nftables (Debian package nftables)', () => run('nft', ['--version'])),
    attempt('iproute2', () => run('ip', ['-V'])),
  ]);
  return { troubles: troubles.filter((trouble) => trouble !== ''), changes };
}

/** Without it, the reply of a container on the same bridge goes past the translation of its address. */
async function bridgeFilter(): Promise<void> {
  const file = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  await access(file).catch(() => run('modprobe', ['br_netfilter']));
  await access(file);
}

async function attempt(what: string, work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return '';
  } catch (error) {
    return `cluster networks need ${what}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
