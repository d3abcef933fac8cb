import type { Logger } from 'pino';
import { CommandError, run } from './kernel.ts';
import { answering } from './open-connections.ts';
import type { NetworkState } from './state.ts';

/**
 * UDP has no end: a client that keeps sending would reach an endpoint that is gone for as long as it sends. Connections
 * end by themselves, those of an endpoint about to stop even have to.
 */
const endless = [['-p', 'udp']];
/**
 * But one that nobody has answered yet never will be. Forgotten, its next attempt (TCP's comes after a second) goes to
 * another endpoint. Kept, it would lead there also later clients that come to use the same port: for two minutes.
 */
const unanswered = [
  ['-p', 'tcp', '--state', 'SYN_SENT'],
  ['-p', 'sctp', '--state', 'COOKIE_WAIT'],
];
/** What was on its way to a living endpoint is answered within this time. */
const answerMs = 250;

/** Makes the kernel's connection tracking forget what leads to endpoints that are gone. */
export class StaleFlows {
  readonly #log: Logger;
  readonly #unanswered = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #saidNoConntrack = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** These addresses are in no rule any more. Never rejects. */
  async forget(addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return;
    for (const address of addresses) this.#unanswered.add(address);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const all = [...this.#unanswered];
      this.#unanswered.clear();
      void this.#delete(unanswered, all);
    }, answerMs);
    await this.#delete(endless, addresses);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #delete(kinds: readonly (readonly string[])[], addresses: readonly string[]): Promise<void> {
    try {
      for (const kind of kinds) await deleteFlows(kind, addresses);
    } catch (error) {
      if (!this.#saidNoConntrack)
        this.#log.warn(
          { err: error },
          'clients may stay with endpoints that are gone (Debian package conntrack)',
        );
      this.#saidNoConntrack = true;
    }
  }
}

async function deleteFlows(kind: readonly string[], addresses: readonly string[]): Promise<void> {
  // With a network, thousands may go at once, and hardly any of them has a flow.
  const flows = await run('conntrack', ['-L', ...kind]);
  for (const address of withFlows(flows, addresses)) {
    try {
      await run('conntrack', ['-D', ...kind, '--reply-src', address]);
    } catch (error) {
      // It fails, too, when the flow has ended meanwhile.
      if (!(error instanceof CommandError && /0 flow entries/.test(error.stderr))) throw error;
    }
  }
}

/** Those of the addresses that answer in a flow of what `conntrack -L` lists. */
export function withFlows(flows: string, addresses: readonly string[]): Set<string> {
  const seen = new Set(flows.split('\n').map(answering));
  return new Set(addresses.filter((address) => seen.has(address)));
}

/** Addresses that got traffic through a service and no longer do. */
export function goneAddresses(before: NetworkState | undefined, now: NetworkState): string[] {
  const gone: string[] = [];
  for (const [id, old] of before?.services ?? []) {
    const current = now.services.get(id);
    if (current === old) continue;
    const kept = new Set(current?.endpoints.flatMap(({ addresses }) => Object.values(addresses)));
    for (const { addresses } of old.endpoints)
      gone.push(...Object.values(addresses).filter((address) => !kept.has(address)));
  }
  return gone;
}
