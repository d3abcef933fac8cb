/**
 * Names, numbers and addresses of what this folder makes in the kernel. All of it can be told from what
 * others made by these, so that nothing else is ever touched.
 */

/** VXLAN devices of networks in the clear, and of encrypted ones (inside WireGuard). */
export const plainVxlan = 'sh.vx';
export const encryptedVxlan = 'sh.vxe';
export const wireguardLink = 'sh.wg';

export const vxlanOf = ({ encrypted }: { readonly encrypted: boolean }): string =>
  encrypted ? encryptedVxlan : plainVxlan;

/** "SH" and a digit: VXLANs of others on the same port have other numbers. */
export const plainVni = 0x534800;
export const encryptedVni = 0x534801;

/** Routes and rules of ours carry it; see /etc/iproute2/rt_protos for those taken. */
export const routeProtocol = 83;

/**
 * Marks of connections, in the upper 16 bits. `origin` + host number: came in through that host's published
 * port. `published`: came in through a published port here. `outbound`: goes to the outside world.
 */
export const originMark = 0x5348_0000;
export const publishedMark = 0x5349_0000;
export const outboundMark = 0x534a_0000;
export const markMask = 0xffff_0000;

/** Priorities of our policy rules, before the main table's (32766). */
export const rulePriority = { own: 5_200, unmarked: 5_201, origin: 5_202, end: 5_209 } as const;

/** The routing table that leads back to a host. */
export const returnTable = (hostNumber: number): number => originMark + hostNumber;

export const bridgePrefix = 'sh.n';

/** At most 13 of the 15 characters of a device name. `index` counts the network's bridges on this host. */
export const bridgeName = (networkNumber: number, index: number): string =>
  `${bridgePrefix}${networkNumber}${index === 0 ? '' : `.${index}`}`;

/** A host inside VXLAN, and inside WireGuard: see `betweenHostsRange`. */
export const vxlanAddress = (hostNumber: number): string => `198.18.${hostNumber >> 8}.${hostNumber & 255}`;
export const wireguardAddress = (hostNumber: number): string =>
  `198.19.${hostNumber >> 8}.${hostNumber & 255}`;
export const wireguardRange = '198.19.0.0/16';

/** A host's MAC address in VXLAN; 02: locally administered. */
export const vxlanMac = (hostNumber: number): string =>
  `02:53:48:00:${hex(hostNumber >> 8)}:${hex(hostNumber & 255)}`;

const hex = (byte: number) => byte.toString(16).padStart(2, '0');
