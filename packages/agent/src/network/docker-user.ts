import { CommandError, run } from './kernel.ts';

/** What is let through is decided in our own table, which comes first. */
const rules: readonly (readonly string[])[] = [
  ['-i', 'sh.+', '-j', 'ACCEPT'],
  ['-o', 'sh.+', '-j', 'ACCEPT'],
];

/**
 * Docker's FORWARD chain would drop what passes between our devices: an accept in another table does not
 * override that, one in DOCKER-USER does. Without that chain (Docker is not up yet, or keeps off the firewall)
 * there is nothing to override.
 */
export class DockerUser {
  #hadChain = false;

  /** Gives the rules of ours that somebody took: those that Docker's new chain never had are none. */
  async ensure(): Promise<string[]> {
    const listed = await list();
    const hadChain = this.#hadChain;
    this.#hadChain = false;
    if (listed === undefined) return [];
    const missing = rules.filter((rule) => !listed.includes(`-A DOCKER-USER ${rule.join(' ')}`));
    for (const rule of missing) await iptables('-I', 'DOCKER-USER', ...rule);
    // Not before all of them are there: a try that failed must not look like a stranger's work.
    this.#hadChain = true;
    return hadChain ? missing.map((rule) => rule.join(' ')) : [];
  }
}

/** Old iptables tell nobody of changes; those that are nftables underneath do. */
export async function isSilent(): Promise<boolean> {
  try {
    return !(await run('iptables', ['-V'])).includes('nf_tables');
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

async function list(): Promise<string | undefined> {
  try {
    return await iptables('-S', 'DOCKER-USER');
  } catch (error) {
    // "Incompatible" is what newer ones say of a chain that is not there.
    if (
      error instanceof CommandError &&
      /No chain\/target\/match|incompatible|could not run/.test(error.message)
    )
      return undefined;
    throw error;
  }
}

/** The same program as Docker's, so that both mean the same tables, old or new. It shares them by a lock. */
const iptables = (...args: string[]) => run('iptables', ['-w', '5', ...args]);
