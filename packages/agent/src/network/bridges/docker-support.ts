/** Of a Docker daemon, what decides whether and how containers can be reached from outside their bridge. */
export interface DaemonFacts {
  /** As `docker version` says: `20.10.24+dfsg1`. */
  readonly version: string;
  /** As `docker info` says from API 1.49 on: `iptables` or `nftables` (that from 29 on), perhaps with `+firewalld`; else empty. */
  readonly firewall: string;
  readonly rootless: boolean;
}

export interface DaemonSupport {
  /** Why the daemon can't serve the cluster's networks; empty if it can. */
  readonly trouble: string;
  /** More options that bridge networks need. */
  readonly options: Readonly<Record<string, string>>;
}

/**
 * With iptables, whatever the version, rules of ours come before Docker's own (see `DockerRules`), so that a network
 * serves every version that finds it. Docker's nftables of 29 and later let nobody in before them, and drop what comes to
 * a container's address from another device unless the network says that its ports are unprotected. Our own rules decide
 * what is let through, in all cases.
 */
export function daemonSupport({ version, firewall, rootless }: DaemonFacts): DaemonSupport {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const support = {
    trouble: '',
    options: firewall.startsWith('nftables')
      ? { 'com.docker.network.bridge.gateway_mode_ipv4': 'nat-unprotected' }
      : {},
  };
  if (rootless)
    return { ...support, trouble: "a rootless Docker daemon's networks are not the host's: run it as root" };
  if (Number.isNaN(major) || major < 20 || (major === 20 && minor < 10))
    return { ...support, trouble: `Docker ${version} is too old for cluster networks: 20.10 is the oldest` };
  return support;
}
