import { access } from 'node:fs/promises';
import { ensureSetting } from './ip/settings.ts';
import { run } from './kernel.ts';

/** Makes this host forward; returns what is in the way, in words for people. */
export async function ensureHostSettings(): Promise<string[]> {
  const troubles = await Promise.all([
    attempt('forwarding of packets (net.ipv4.ip_forward)', () => ensureSetting('ipv4/ip_forward', '1')),
    attempt(
      'replies between containers on one host (module br_netfilter, net.bridge.bridge-nf-call-iptables)',
      bridgeFilter,
    ),
    attempt('nftables (Debian package nftables)', () => run('nft', ['--version'])),
    attempt('iproute2', () => run('ip', ['-V'])),
  ]);
  return troubles.filter((trouble) => trouble !== '');
}

/** Without it, the reply of a container on the same bridge goes past the translation of its address. */
async function bridgeFilter(): Promise<void> {
  const file = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  await access(file).catch(() => run('modprobe', ['br_netfilter']));
  await access(file);
  await ensureSetting('bridge/bridge-nf-call-iptables', '1');
}

async function attempt(what: string, work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return '';
  } catch (error) {
    return `cluster networks need ${what}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
