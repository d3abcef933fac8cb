import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { routeProtocol } from './names.ts';

/** What a stranger may have changed; `port`: a container came. */
export type Hint = 'nft' | 'ip' | 'docker-user' | 'port';

interface Monitor {
  /** To look at after a gap. */
  readonly source: 'nft' | 'ip';
  readonly command: readonly [string, ...string[]];
  readonly classify: (line: string) => Hint | undefined;
}

const monitors: readonly Monitor[] = [
  // Into a pipe, nft would write its news by the page.
  { source: 'nft', command: ['stdbuf', '-oL', 'nft', 'monitor'], classify: nftHint },
  {
    source: 'ip',
    command: ['ip', '-4', 'monitor', 'link', 'address', 'route', 'rule', 'neigh'],
    classify: ipHint,
  },
];

/** Between two lives of a monitor. */
const restartMs = 1_000;

/**
 * Follows what the kernel tells of changes, and names what deserves a look. It may miss some (its buffer is
 * finite) and may see our own: hints only.
 */
export class Watch {
  readonly #onHint: (hint: Hint) => void;
  readonly #children = new Set<ChildProcess>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(onHint: (hint: Hint) => void) {
    this.#onHint = onHint;
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
    const { source, classify } = monitor;
    const [command, ...args] = monitor.command;
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#children.add(child);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const hint = classify(line);
      if (hint && !this.#closed) this.#onHint(hint);
      // nft mistakes a table of the same name for the one that is gone, and says no more of its elements.
      if (line.startsWith('delete table ip shoal')) child.kill('SIGKILL');
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

/** `delete rule ip shoal …`, `add table ip shoal`, `delete rule ip filter DOCKER-USER …`. */
export function nftHint(line: string): Hint | undefined {
  if (line.includes(' ip shoal')) return 'nft';
  return line.startsWith('delete ') && line.includes('DOCKER-USER') ? 'docker-user' : undefined;
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
