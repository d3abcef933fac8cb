/** VXLAN's port as IANA has it; WireGuard has none, its own default is likely in use by people. Both UDP. */
export const vxlanPort = 4789;
export const wireguardPort = 51_823;

/**
 * Hosts have addresses of their own inside VXLAN, 198.18.x.y, and inside WireGuard, 198.19.x.y: the range that RFC 2544 set aside
 * for benches, which neither the internet nor private networks use.
 */
export const betweenHostsRange = '198.18.0.0/15';

/** What these ports of every host are for. */
export const betweenHostsPorts: ReadonlyMap<string, string> = new Map([
  [`udp/${vxlanPort}`, 'the traffic of networks between hosts (VXLAN)'],
  [`udp/${wireguardPort}`, 'the traffic of encrypted networks between hosts (WireGuard)'],
]);

/** Bytes that VXLAN (outer IPv4, UDP and VXLAN headers, inner Ethernet) and WireGuard over IPv4 add to a packet. */
export const vxlanOverhead = 50;
export const wireguardOverhead = 60;
