import { CommandError, run } from '../kernel/index.ts';

/** Rules of ours in chains of iptables that Docker's own rules stand in, too. What is let through is decided in our own table. */
interface Place {
  readonly table: 'filter' | 'raw';
  readonly chain: string;
  readonly rules: readonly string[];
  /** Part of the rules that ours must come before. */
  readonly isLater: (rule: string) => boolean;
}

export const places: readonly [Place, Place] = [
  {
    table: 'filter',
    chain: 'DOCKER-USER',
    rules: ['-i sh.+ -j ACCEPT', '-o sh.+ -j ACCEPT'],
    // People's own rules are there in the order that they like.
    isLater: () => false,
  },
  {
    // From 28 on, a rule for each container. Ours is there before any Docker needs it: a host may be upgraded under
    // living containers.
    table: 'raw',
    chain: 'PREROUTING',
    rules: ['-i sh.+ -j ACCEPT'],
    isLater: (rule) => / ! -i sh\.n\S+ -j DROP$/.test(rule),
  },
];

/**
 * Docker would drop what passes between our devices: in its FORWARD chain what it doesn't know, in the raw table what comes
 * to a container from another device than its bridge. An accept in another table does not override that, one before it in
 * the same chain does. Without the chain (Docker is not up yet, or keeps off the firewall) there is nothing to override.
 */
export class DockerRules {
  /** Chains that had our rules at the last look. */
  readonly #had = new Set<string>();

  /** Returns our rules that somebody removed or put others before. Not those that a new chain of Docker's never had. */
  async ensure(): Promise<string[]> {
    const changed: string[] = [];
    for (const place of places) changed.push(...(await this.#ensureIn(place)));
    return changed;
  }

  async #ensureIn(place: Place): Promise<string[]> {
    const { table, chain } = place;
    const listed = await list(table, chain);
    const had = this.#had.delete(chain);
    if (listed === undefined) return [];
    const { missing, late } = misplaced(listed, place);
    const lines = [
      ...late.map((rule) => `-D ${chain} ${rule}`),
      ...[...missing, ...late].map((rule) => `-I ${chain} ${rule}`),
    ];
    // All at once, so that no packet ever finds them missing.
    if (lines.length > 0)
      await run('iptables-restore', ['-w', '5', '--noflush'], {
        input: `*${table}\n${lines.join('\n')}\nCOMMIT\n`,
      });
    // Only when all of them are there: a try that failed must not look like somebody else's change.
    this.#had.add(chain);
    return had ? [...missing, ...late].map((rule) => `${chain} ${rule}`) : [];
  }
}

/** `listed`: what `iptables -S CHAIN` prints. */
export function misplaced(
  listed: string,
  { chain, rules, isLater }: Place,
): { missing: string[]; late: string[] } {
  const found = listed.split('\n').map((line) => line.replace(`-A ${chain} `, ''));
  const first = found.findIndex(isLater);
  const missing = rules.filter((rule) => !found.includes(rule));
  const late = rules.filter((rule) => first >= 0 && found.indexOf(rule) > first);
  return { missing, late };
}

/** The old iptables reports no changes; the one on top of nftables does. */
export async function isSilent(): Promise<boolean> {
  try {
    return !(await run('iptables', ['-V'])).includes('nf_tables');
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

/** Undefined without the chain. The same program as Docker's, so that both mean the same tables, old or new. It shares them by a lock. */
async function list(table: string, chain: string): Promise<string | undefined> {
  try {
    return await run('iptables', ['-w', '5', '-t', table, '-S', chain]);
  } catch (error) {
    // "Incompatible" is what newer ones say of a chain that is not there; the last is a kernel without the table.
    if (
      error instanceof CommandError &&
      /No chain\/target\/match|incompatible|could not run|can't initialize iptables table/.test(error.message)
    )
      return undefined;
    throw error;
  }
}
