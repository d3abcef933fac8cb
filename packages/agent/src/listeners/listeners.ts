import type { Listener } from '@shoal/proto';
import { portKey } from '@shoal/proto/rules';
import type { OpenSocket, PortRange, Transport } from './proc-net.ts';

/** A port counts once it was seen in this many looks in a row, until it was missing in as many. */
const looksToBelieve = 2;
/**
 * A UDP port in the range that the kernel gives to clients is most likely a client's, which sends, gets its answer and is gone.
 * One that stays this long is taken for a server's.
 */
export const clientMs = 60_000;

/** A port on which something listens, over several looks. */
export interface Watched {
  readonly transport: Transport;
  readonly port: number;
  /** Of the sockets that were seen last; several may share a port, say on different addresses. */
  readonly inodes: readonly string[];
  /** When it was first seen, ms. */
  readonly since: number;
  /** Looks in a row, the latest included, in which it was seen or missing; one of the two is 0. */
  readonly seen: number;
  readonly missed: number;
  readonly counts: boolean;
}

/** By `portKey`. */
export type Watch = ReadonlyMap<string, Watched>;

/**
 * What is known after another look. After the first one (`before` is undefined) every port seen counts, since rules that would
 * take it over may be about to come. `now` in ms, of a clock that never jumps.
 */
export function look(
  before: Watch | undefined,
  sockets: readonly OpenSocket[],
  { now, clients }: { readonly now: number; readonly clients: PortRange },
): Watch {
  const after = new Map<string, Watched>();
  const present = Map.groupBy(sockets, ({ transport, port }) => portKey(transport, port));
  for (const [key, [first, ...more]] of present) {
    if (!first) continue;
    const { transport, port } = first;
    const known = before?.get(key);
    const since = known?.since ?? now;
    const seen = (known?.seen ?? 0) + 1;
    const maybeClient = isMaybeClient(first, clients) && now - since < clientMs;
    const counts = !before || known?.counts || (seen >= looksToBelieve && !maybeClient);
    const inodes = [first, ...more].map(({ inode }) => inode);
    after.set(key, { transport, port, inodes, since, seen, missed: 0, counts });
  }
  for (const [key, known] of before ?? []) {
    const missed = known.missed + 1;
    if (!present.has(key) && known.counts && missed < looksToBelieve)
      after.set(key, { ...known, seen: 0, missed });
  }
  return after;
}

export const isMaybeClient = (
  { transport, port }: { readonly transport: string; readonly port: number },
  [first, last]: PortRange,
): boolean => transport === 'udp' && port >= first && port <= last;

/** A process that has a socket. */
export interface Owner {
  readonly pid: number;
  readonly process: string;
  /** Ids of the containers that it is in. */
  readonly containers: readonly string[];
}

/** What this host's agent and its tasks have of the host's ports. */
export interface Ours {
  /** The agent's own process. */
  readonly pid: number;
  /** Keys of the ports that Docker holds, or is about to hold, for tasks. */
  readonly ports: ReadonlySet<string>;
  /** Services of the tasks' containers, by the containers' ids. */
  readonly services: ReadonlyMap<string, string>;
}

/** Docker holds a port by a process of its own, or, without `userland-proxy`, itself. */
const dockers = new Set(['docker-proxy', 'dockerd']);

/**
 * Inodes of sockets that belong to the agent or its tasks. `was`: those found before; they stay, since a task's end may be
 * known before Docker's process for its port has gone.
 */
export function ownSockets(
  watch: Watch,
  owners: ReadonlyMap<string, Owner | undefined>,
  { pid, ports }: Ours,
  was: ReadonlySet<string>,
): Set<string> {
  const own = new Set<string>();
  for (const [key, { counts, inodes }] of watch) {
    for (const inode of counts ? inodes : []) {
      const owner = owners.get(inode);
      const isDockers = ports.has(key) && (!owner || dockers.has(owner.process));
      if (was.has(inode) || owner?.pid === pid || isDockers) own.add(inode);
    }
  }
  return own;
}

/** What listens on the host, as the manager is told it; sorted. */
export function listenersOf(
  watch: Watch,
  owners: ReadonlyMap<string, Owner | undefined>,
  own: ReadonlySet<string>,
  { services }: Pick<Ours, 'services'>,
): Listener[] {
  return [...watch.values()]
    .filter(({ counts, inodes }) => counts && inodes.some((inode) => !own.has(inode)))
    .map(({ transport, port, inodes }): Listener => {
      const strangers = inodes.filter((inode) => !own.has(inode));
      const owner = strangers.map((inode) => owners.get(inode)).find((each) => each !== undefined);
      return {
        protocol: transport,
        port,
        process: owner?.process ?? '',
        pid: owner?.pid ?? 0,
        serviceId: owner?.containers.map((id) => services.get(id)).find((id) => id !== undefined) ?? '',
      };
    })
    .sort((a, b) => (a.protocol === b.protocol ? a.port - b.port : a.protocol < b.protocol ? -1 : 1));
}
