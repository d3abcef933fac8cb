/** Of a Docker daemon, what decides whether and how containers can be reached from outside their bridge. */
export interface DaemonFacts {
  /** As `docker version` says: `20.10.24+dfsg1`. */
  readonly version: string;
  /** `iptables`, or `nftables` (from 29 on); empty if the daemon does not say. */
  readonly firewall: string;
  readonly rootless: boolean;
}

export interface DaemonSupport {
  /** Why the daemon can't serve the cluster's networks; empty if it can. */
  readonly trouble: string;
  /** More options of bridge networks. */
  readonly options: Readonly<Record<string, string>>;
  /** Docker's FORWARD chain drops what it does not know, unless DOCKER-USER accepted it. */
  readonly userChain: boolean;
}

/**
 * Up to 27, DOCKER-USER is enough. From 28 on Docker also drops, in the raw table, what comes to a container's
 * address from another device, unless the network's ports are unprotected. Its nftables of 29 know no
 * DOCKER-USER, and ask no more than that. Our own rules decide what is let through, in all cases.
 */
export function daemonSupport({ version, firewall, rootless }: DaemonFacts): DaemonSupport {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const support = {
    trouble: '',
    options: major >= 28 ? { 'com.docker.network.bridge.gateway_mode_ipv4': 'nat-unprotected' } : {},
    userChain: firewall !== 'nftables',
  };
  if (rootless)
    return { ...support, trouble: "a rootless Docker daemon's networks are not the host's: run it as root" };
  if (Number.isNaN(major) || major < 20 || (major === 20 && minor < 10))
    return { ...support, trouble: `Docker ${version} is too old for cluster networks: 20.10 is the oldest` };
  return support;
}
