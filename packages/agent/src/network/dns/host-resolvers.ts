import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { isIP } from 'node:net';
import type { Upstream } from './exchange.ts';

const dnsPort = 53;
/** As many as the resolver of the C library takes (resolv.conf(5), MAXNS). */
const mostServers = 3;
const pollMs = 1_000;

/** The servers a `resolv.conf` names; without any, the one on this host, as resolv.conf(5) says. */
export function parseResolvConf(text: string): Upstream[] {
  const servers = text
    .split('\n')
    .map((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .filter((address) => isIP(address.split('%')[0] ?? '') !== 0)
    .slice(0, mostServers)
    .map((address) => ({ address, port: dnsPort }));
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', port: dnsPort }];
}

/**
 * The host's own resolvers, as its `resolv.conf` has them now. The file is looked at, not watched: it is
 * often a link to a file that gets replaced, and both the link and the file may be missing for a while.
 */
export class HostResolvers {
  readonly #path: string;
  #servers: readonly Upstream[];
  readonly #reread = () => {
    this.#servers = read(this.#path);
  };

  constructor(path = '/etc/resolv.conf') {
    this.#path = path;
    this.#servers = read(path);
    watchFile(path, { interval: pollMs, persistent: false }, this.#reread);
  }

  get servers(): readonly Upstream[] {
    return this.#servers;
  }

  close(): void {
    unwatchFile(this.#path, this.#reread);
  }
}

function read(path: string): Upstream[] {
  try {
    return parseResolvConf(readFileSync(path, 'utf8'));
  } catch {
    return parseResolvConf('');
  }
}
