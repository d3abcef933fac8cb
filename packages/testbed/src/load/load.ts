import { Agent } from 'node:http';
import { isIPv4 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { http, TestbedError } from '../machine/index.ts';

export interface LoadOptions {
  /** Where the next request goes; called for every request, so targets may change meanwhile. */
  target: () => string;
  /** Requests open at a time. */
  concurrency: number;
  /** Upper bound over all workers; as fast as answers come if left out. */
  ratePerSecond?: number;
  /** A request that takes longer has failed. */
  timeoutMs?: number;
  /** Keeps connections open between requests; by default each request makes its own. */
  keepAlive?: boolean;
  /** The load ends by itself after this time, whatever happens. */
  maxMs?: number;
  /** Called for each good answer, with the time of its request (since the load began). */
  onAnswer?: (atMs: number, body: string) => void;
}

/** What happened within one tenth of a second (by the time a request was sent). */
export interface LoadSlot {
  atMs: number;
  ok: number;
  failed: number;
  maxMs: number;
}

export interface LoadReport {
  ok: number;
  failed: number;
  seconds: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** One per 100 ms, from the first request on. */
  slots: LoadSlot[];
  /** The first failures, in words. */
  failures: { atMs: number; url: string; why: string }[];
}

/** Length of a slot. */
export const SLOT_MS = 100;
const KEEP_FAILURES = 50;
/** So many latencies are kept for percentiles; further ones replace some of them at random. */
const KEEP_LATENCIES = 100_000;

/** Load is for this machine and the hosts' own networks only. */
function assertTestAddress(url: string): void {
  const { hostname } = new URL(url);
  const allowed =
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    (isIPv4(hostname) && /^(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(hostname));
  if (!allowed) throw new TestbedError(`Load goes to loopback or to test hosts only, not to ${hostname}.`);
}

/** Sends requests until stopped and keeps account of every answer; 2xx and 3xx within time are ok. */
export class Load {
  readonly #options: LoadOptions;
  readonly #from = performance.now();
  readonly #slots: LoadSlot[] = [];
  readonly #latencies: number[] = [];
  readonly #failures: LoadReport['failures'] = [];
  readonly #agent: Agent | undefined;
  readonly #workers: Promise<void>[];
  #sent = 0;
  #done = 0;
  #stopped = false;

  private constructor(options: LoadOptions) {
    this.#options = options;
    // All connections in turn: an idle one may be closed by its server at the moment of its next request.
    this.#agent = options.keepAlive
      ? new Agent({ keepAlive: true, maxSockets: options.concurrency, scheduling: 'fifo' })
      : undefined;
    this.#workers = Array.from({ length: options.concurrency }, () => this.#work());
  }

  static start(options: LoadOptions): Load {
    assertTestAddress(options.target());
    return new Load(options);
  }

  get answered(): number {
    return this.#done;
  }

  /** One per 100 ms so far; those with open requests may still change. */
  get slots(): LoadSlot[] {
    return this.#slots.filter(Boolean);
  }

  /** Sends nothing new, waits for what is open, and reports. */
  async stop(): Promise<LoadReport> {
    this.#stopped = true;
    await Promise.all(this.#workers);
    this.#agent?.destroy();
    const { slots } = this;
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number) =>
      round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
    return {
      ok: slots.reduce((sum, slot) => sum + slot.ok, 0),
      failed: slots.reduce((sum, slot) => sum + slot.failed, 0),
      seconds: round((performance.now() - this.#from) / 1000),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: round(slots.reduce((most, slot) => Math.max(most, slot.maxMs), 0)),
      slots,
      failures: this.#failures,
    };
  }

  async #work(): Promise<void> {
    const { ratePerSecond, maxMs = 600_000 } = this.#options;
    for (;;) {
      const now = performance.now() - this.#from;
      if (this.#stopped || now >= maxMs) return;
      const turn = this.#sent++;
      if (ratePerSecond !== undefined) {
        // Each request has its scheduled moment, so that a worker that is late catches up instead of sending less.
        const wait = (turn / ratePerSecond) * 1000 - now;
        if (wait > 0) await sleep(Math.min(wait, maxMs));
        if (this.#stopped) return;
      }
      await this.#once();
    }
  }

  async #once(): Promise<void> {
    const { timeoutMs = 5000 } = this.#options;
    const atMs = performance.now() - this.#from;
    const url = this.#options.target();
    const index = Math.floor(atMs / SLOT_MS);
    this.#slots[index] ??= { atMs: index * SLOT_MS, ok: 0, failed: 0, maxMs: 0 };
    const slot = this.#slots[index];
    let why: string | undefined;
    try {
      const answer = await http(url, { timeoutMs, ...(this.#agent ? { agent: this.#agent } : {}) });
      if (answer.status < 200 || answer.status >= 400) why = `status ${answer.status}`;
      else this.#options.onAnswer?.(atMs, answer.body);
    } catch (error) {
      why = (error as Error).message;
      // A refused connection is answered at once: don't turn that into a busy loop.
      await sleep(5);
    }
    const ms = performance.now() - this.#from - atMs;
    this.#latencies[this.#done++ % KEEP_LATENCIES] = ms;
    slot.maxMs = Math.max(slot.maxMs, round(ms));
    if (why === undefined) slot.ok++;
    else {
      slot.failed++;
      if (this.#failures.length < KEEP_FAILURES) this.#failures.push({ atMs: round(atMs), url, why });
    }
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
