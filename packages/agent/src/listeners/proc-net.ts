import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

export type Transport = 'tcp' | 'udp';

/** A socket that anybody may reach: TCP that listens, UDP that is bound and not connected. */
export interface OpenSocket {
  readonly transport: Transport;
  readonly port: number;
  /** By which its processes' file descriptors are found. */
  readonly inode: string;
}

/** First and last port of a range. */
export type PortRange = readonly [first: number, last: number];

const listening = '0A';
const unconnected = '07';

/** Local port, remote port, state and inode of each line, the numbers but the last in hexadecimal. */
const lines =
  /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +\d+ +\d+ (\d+)/gm;

/**
 * The open sockets in the text of `/proc/net/tcp`, `udp`, `tcp6` or `udp6` (Linux, Documentation/networking/proc_net_tcp),
 * on whatever address: a published port answers on all of them.
 */
export function parseSockets(transport: Transport, table: string): OpenSocket[] {
  const open: OpenSocket[] = [];
  for (const [, local = '', remote, state, inode = ''] of table.matchAll(lines)) {
    const isOpen = transport === 'tcp' ? state === listening : state === unconnected && remote === '0000';
    const port = Number.parseInt(local, 16);
    if (isOpen && port > 0) open.push({ transport, port, inode });
  }
  return open;
}

/** The range that the kernel takes the ports of clients from, as `/proc/sys/net/ipv4/ip_local_port_range` has it. */
export function parseRange(text: string): PortRange {
  const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number);
  return [first, last];
}

/**
 * All open sockets of this host. Throws when the kernel does not show them. Read synchronously: these files are in memory, and
 * reading them in another thread would cost several times as much.
 */
export const openSockets = (): OpenSocket[] => [
  ...parseSockets('tcp', head('/proc/net/tcp')),
  ...parseSockets(
    'tcp',
    orNone(() => head('/proc/net/tcp6')),
  ),
  ...parseSockets('udp', readFileSync('/proc/net/udp', 'latin1')),
  ...parseSockets(
    'udp',
    orNone(() => readFileSync('/proc/net/udp6', 'latin1')),
  ),
];

export const clientPorts = (): PortRange =>
  parseRange(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'));

/**
 * Reads only as far as the listening sockets, which the kernel lists first: there may be any number of connections. The kernel
 * gives a page at a time, and less than a page at the end; reading once more would make it walk through its whole table again.
 */
function head(path: string): string {
  const file = openSync(path, 'r');
  try {
    const page = Buffer.alloc(pageBytes);
    let text = '';
    for (;;) {
      const bytesRead = readSync(file, page);
      const read = page.toString('latin1', 0, bytesRead);
      text += read;
      if (bytesRead < pageBytes - longestLine || connection.test(read)) return text;
    }
  } finally {
    closeSync(file);
  }
}

const pageBytes = 4_096;
/** Longer than any line of these tables. */
const longestLine = 512;
/** A line of a socket in any other state than listening (0A). */
const connection = /^ *\d+: \S+ \S+ (?!0A)[0-9A-F]{2} /m;

/** Hosts may have IPv6 switched off. */
function orNone(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
