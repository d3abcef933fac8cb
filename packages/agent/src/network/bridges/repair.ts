import { batch, CommandError, type PresentLink, readLinks, run, toLink } from '../kernel/index.ts';
import type { BridgePlan } from '../state/index.ts';

/** A bridge's own address, with the prefix of its subnet. */
export const gatewayBlock = ({ gateway, subnet }: Pick<BridgePlan, 'gateway' | 'subnet'>): string =>
  `${gateway}/${subnet.split('/')[1]}`;

/** Makes a lost bridge again as Docker had made it, and connects its containers again. */
export async function repairBridge(
  plan: BridgePlan,
  attached: readonly { readonly pid: number; readonly address: string }[],
): Promise<void> {
  const { bridge, mtu } = plan;
  await batch('ip', [
    `link add ${bridge} mtu ${mtu} type bridge`,
    `address add ${gatewayBlock(plan)} dev ${bridge}`,
    `link set dev ${bridge} up`,
  ]);
  const loose = new Map(
    (await readLinks())
      .filter(({ kind, master }) => kind === 'veth' && master === '')
      .map((link): [number, PresentLink] => [link.index, link]),
  );
  for (const { pid, address } of attached) {
    const port = loose.get((await otherEnd(pid, address)) ?? -1);
    if (port)
      await batch('ip', [`link set dev ${port.name} master ${bridge}`, `link set dev ${port.name} up`]);
  }
}

/** Number of the device here whose other end has this address in the process' network namespace. */
async function otherEnd(pid: number, address: string): Promise<number | undefined> {
  try {
    const inside = ['--net', '--target', String(pid), 'ip', '-json', '-details', 'address', 'show'];
    const links = JSON.parse(await run('nsenter', inside)) as (Parameters<typeof toLink>[0] & {
      readonly link_index?: number;
    })[];
    return links.find((link) => toLink(link).addresses.some((each) => each.startsWith(`${address}/`)))
      ?.link_index;
  } catch (error) {
    // The container ended meanwhile.
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
