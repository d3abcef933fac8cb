import type { Logger } from 'pino';

/** What differed from what it should be, each part as the changes that put it right. */
export interface Differences {
  readonly table: readonly string[];
  readonly ip: readonly string[];
  readonly docker: readonly string[];
  readonly settings: readonly string[];
}

/** So much of a repair is told. */
const mostShown = 10;
const words = {
  table: 'firewall rules (table ip shoal)',
  ip: 'VXLAN devices, addresses or routes',
  settings: 'settings (net.ipv4.ip_forward or net.bridge.bridge-nf-call-iptables)',
  docker: "rules before Docker's (iptables chains DOCKER-USER and raw PREROUTING)",
} as const satisfies Record<keyof Differences, string>;

/** What others had changed, and was repaired. */
export class Repairs {
  readonly #log: Logger;
  readonly #found = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  clear(): void {
    this.#found.clear();
  }

  note(differences: Differences): void {
    const parts = (['table', 'ip', 'docker', 'settings'] as const).filter(
      (part) => differences[part].length > 0,
    );
    if (parts.length === 0) return;
    for (const part of parts) this.#found.add(words[part]);
    const shown = parts.map((part) => [part, differences[part].slice(0, mostShown)]);
    this.#log.warn(Object.fromEntries(shown), 'someone changed the data path: repaired it');
  }

  /** In words for people. */
  get found(): string[] {
    return [...this.#found];
  }
}

/**
 * The lines that changed something, without those about devices that were not there before: what belongs to a device can be
 * made only when the device comes.
 */
export const withoutNewDevices = (lines: readonly string[], before: ReadonlySet<string>): string[] =>
  lines.filter((line) => {
    const device = /\bdev (\S+)/.exec(line)?.[1];
    return device === undefined || before.has(device);
  });
