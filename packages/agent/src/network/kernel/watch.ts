import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { routeProtocol } from '../state/index.ts';

/** What somebody else may have changed; `port`: a container was attached to a bridge. */
export type Hint = 'nft' | 'ip' | 'docker' | 'port';

interface Monitor {
  /** What to look at after its monitor was away. */
  readonly source: 'nft' | 'ip';
  readonly command: readonly [string, ...string[]];
  /** Reads one run of the monitor, line by line. */
  readonly reader: () => (line: string) => readonly Hint[];
}

const monitors: readonly Monitor[] = [
  // Without it, nft would buffer what it writes into a pipe.
  { source: 'nft', command: ['stdbuf', '-oL', 'nft', 'monitor'], reader: nftReader },
  {
    source: 'ip',
    command: ['ip', '-4', 'monitor', 'link', 'address', 'route', 'rule', 'neigh'],
    reader: ipReader,
  },
];

/** From a monitor's end to its next start. */
const restartMs = 1_000;

/**
 * Follows what the kernel tells of changes, and names what deserves a look. It may miss some (its buffer is
 * finite) and may see our own: hints only.
 */
export class Watch {
  readonly #onHint: (hint: Hint) => void;
  readonly #isOwn: () => boolean;
  readonly #children = new Set<ChildProcess>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  /** `isOwn` is asked once for each transaction on our table that was told of; own ones are no hint. */
  constructor(options: { onHint: (hint: Hint) => void; isOwn: () => boolean }) {
    this.#onHint = options.onHint;
    this.#isOwn = options.isOwn;
  }

  start(): void {
    for (const monitor of monitors) this.#follow(monitor);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #follow(monitor: Monitor): void {
    const { source } = monitor;
    const read = monitor.reader();
    const [command, ...args] = monitor.command;
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#children.add(child);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (this.#closed) return;
      for (const hint of read(line)) if (hint !== 'nft' || !this.#isOwn()) this.#onHint(hint);
      // nft takes a new table of the same name for the one that is gone, and reports nothing about its elements any more.
      if (line.startsWith('delete table ip shoal')) {
        this.#onHint('nft');
        child.kill('SIGKILL');
      }
    });
    child.on('error', () => {});
    child.on('close', () => {
      this.#children.delete(child);
      if (this.#closed) return;
      // What happened meanwhile was missed.
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#follow(monitor);
        this.#onHint(source);
      }, restartMs);
      this.#timers.add(timer);
    });
  }
}

const asList = <T>(one: T | undefined): T[] => (one === undefined ? [] : [one]);

/** nft reports what a transaction changed, and then its end; only then are the hints given. */
export function nftReader(): (line: string) => readonly Hint[] {
  const touched = new Set<Hint>();
  return (line) => {
    if (!line.startsWith('# new generation')) {
      for (const hint of asList(nftHint(line))) touched.add(hint);
      return [];
    }
    const all = [...touched];
    touched.clear();
    return all;
  };
}

/** In chains that Docker has rules in: ours may be gone, or another one before them. Docker itself only appends to the raw table. */
const dockerRules =
  /^(delete .*DOCKER-USER|(add|create) chain ip filter DOCKER-USER|(delete|insert) .*ip raw( PREROUTING|$))/;

/** `delete rule ip shoal …`, `add table ip shoal`, `delete rule ip filter DOCKER-USER …`, the chain when Docker makes it. */
export function nftHint(line: string): Hint | undefined {
  if (line.includes(' ip shoal')) return 'nft';
  return dockerRules.test(line) ? 'docker' : undefined;
}

/** Also a bridge of ours that is new: after a boot the daemon makes them again, later than the agent looked. */
export function ipReader(): (line: string) => readonly Hint[] {
  const bridges = new Set<string>();
  return (line) => {
    const [, deleted, bridge] = /^(Deleted )?\d+: (sh\.n[\d.]+)[:@]/.exec(line) ?? [];
    if (!bridge) return asList(ipHint(line));
    const isNew = !deleted && !bridges.has(bridge);
    if (deleted) bridges.delete(bridge);
    else bridges.add(bridge);
    return isNew ? ['ip'] : asList(ipHint(line));
  };
}

/** `Deleted 10.1.2.0/24 via … proto 83`, `Deleted 7: sh.vx: …`, a device of ours that went down. */
export function ipHint(line: string): Hint | undefined {
  if (/ master sh\.n/.test(line)) return line.startsWith('Deleted') ? undefined : 'port';
  const ours =
    /(^|[\s:])sh\.(vxe?|wg|n[\d.]+)[\s:@]/.test(`${line} `) || line.includes(`proto ${routeProtocol}`);
  if (!ours) return undefined;
  // A bridge is down whenever no container is on it.
  return line.startsWith('Deleted') || / sh\.(vxe?|wg): .* state DOWN/.test(line) ? 'ip' : undefined;
}
