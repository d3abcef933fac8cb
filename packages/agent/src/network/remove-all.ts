import { query, run } from './kernel/index.ts';
import { removeRules } from './nft/index.ts';
import { routeProtocol } from './state/index.ts';

/** All devices of ours, a bridge that outlived its Docker network among them. */
const isOurs = (link: string): boolean => link.startsWith('sh.');

/**
 * Takes everything of ours out of this host's kernel: rules, routes, devices. Settings that Docker needs as well (forwarding)
 * stay. Rejects if something stays that was there.
 */
export async function removeFromKernel(): Promise<void> {
  await removeRules();
  await run('ip', ['-4', 'rule', 'flush', 'protocol', String(routeProtocol)]);
  await run('ip', ['-4', 'route', 'flush', 'table', 'all', 'proto', String(routeProtocol)]);
  const links = await query<{ ifname: string }>('ip', ['link', 'show']);
  for (const { ifname } of links) if (isOurs(ifname)) await run('ip', ['link', 'del', ifname]);
}
