import type { Logger } from 'pino';
import type { BridgePlan } from './bridge-plan.ts';
import { gatewayBlock, repairBridge } from './bridge-repair.ts';
import { type DaemonFacts, daemonSupport } from './docker-support.ts';
import { readLinks } from './ip/read-links.ts';
import { batch } from './kernel.ts';
import { Runner } from './runner.ts';

/** What the data path asks of this host's Docker daemon. */
export interface BridgeDriver {
  facts(): Promise<DaemonFacts>;
  /** The networks that `create` made, now or earlier. */
  list(): Promise<readonly DockerBridge[]>;
  create(plan: BridgePlan, options: Readonly<Record<string, string>>): Promise<void>;
  /** False while containers are attached. */
  remove(name: string): Promise<boolean>;
  /** Running containers attached to a network: a process in each, and its address there. */
  attached(name: string): Promise<readonly { readonly pid: number; readonly address: string }[]>;
}

export type DockerBridge = Pick<BridgePlan, 'name' | 'bridge' | 'subnet' | 'range' | 'gateway'>;

/** Docker's refusal to remove a network in use is looked at again then. */
const inUseRetryMs = 10_000;

/**
 * The Docker networks that hold this host's slices. It works at the daemon's pace, apart from the rest: with the
 * daemon gone, the load balancer goes on.
 */
export class Bridges {
  readonly #driver: BridgeDriver;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #runner: Runner;
  #wanted: readonly BridgePlan[] = [];
  /** As of the newest look. */
  #there: readonly DockerBridge[] = [];
  #trouble = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { driver: BridgeDriver; log: Logger; onChange: () => void }) {
    this.#driver = options.driver;
    this.#log = options.log;
    this.#onChange = options.onChange;
    this.#runner = new Runner(
      () => this.#reconcile(),
      (error) => {
        const trouble = error instanceof Error ? error.message : String(error);
        // The same failure comes with every try: say it once.
        if (trouble !== this.#trouble) this.#log.warn({ err: error }, 'bridges of networks: trying again');
        this.#trouble = trouble;
      },
    );
  }

  /** Why the bridges can't be made, in words for people; empty when all is well. */
  get trouble(): string {
    return this.#trouble;
  }

  /** From now on these, and none else of ours. Resolves once they are there. */
  want(plans: readonly BridgePlan[]): Promise<void> {
    this.#wanted = plans;
    return this.#runner.run();
  }

  /** Docker has this very network: a device of its name may be still that of one that was removed just now. */
  has(plan: DockerBridge): boolean {
    return this.#there.some((found) => isSame(plan, found));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#runner.close();
  }

  async #reconcile(): Promise<void> {
    const wanted = this.#wanted;
    const { trouble, options } = daemonSupport(await this.#driver.facts());
    if (trouble) throw new Error(trouble);
    const present = await this.#driver.list();
    const { stale, missing } = diffBridges(present, wanted);
    this.#there = present.filter((found) => !stale.includes(found));
    const kept = await this.#removeAll(stale);
    for (const plan of missing) {
      if (kept.has(plan.name))
        throw new Error(
          `the Docker network ${plan.name} has other addresses than planned, and containers attached`,
        );
      await this.#driver.create(plan, options);
      const { name, bridge, subnet, range } = plan;
      this.#log.info({ network: name, bridge, subnet, range }, 'made a bridge network');
    }
    this.#there = wanted;
    const repaired = await this.#repairDevices(wanted);
    this.#trouble = '';
    if (stale.length > kept.size || missing.length > 0 || repaired) this.#onChange();
  }

  /** Gives the names of those still in use. */
  async #removeAll(stale: readonly DockerBridge[]): Promise<Set<string>> {
    const kept = new Set<string>();
    for (const { name, bridge } of stale) {
      if (await this.#driver.remove(name)) {
        this.#log.info({ network: name, bridge }, 'removed a bridge network');
      } else {
        kept.add(name);
        this.#timer ??= setTimeout(() => this.#lookAgain(), inUseRetryMs);
      }
    }
    return kept;
  }

  #lookAgain(): void {
    this.#timer = undefined;
    this.#runner.hint();
  }

  /** A stranger took the device or its address: Docker would not make it again before its own next start. */
  async #repairDevices(wanted: readonly BridgePlan[]): Promise<boolean> {
    const addresses = new Map((await readLinks()).map(({ name, addresses }) => [name, addresses]));
    const lost = wanted.filter(({ bridge }) => !addresses.has(bridge));
    for (const plan of lost) {
      this.#log.warn({ bridge: plan.bridge }, 'a bridge is gone: making it again');
      await repairBridge(plan, await this.#driver.attached(plan.name));
    }
    const bare = wanted.filter((plan) => addresses.get(plan.bridge)?.includes(gatewayBlock(plan)) === false);
    for (const { bridge, ...plan } of bare) {
      this.#log.warn({ bridge }, 'a bridge has lost its address: giving it back');
      await batch('ip', [`address add ${gatewayBlock(plan)} dev ${bridge}`]);
    }
    return lost.length + bare.length > 0;
  }
}

/** A network of other addresses than planned is in the way, and made anew. */
export function diffBridges(
  present: readonly DockerBridge[],
  wanted: readonly BridgePlan[],
): { stale: DockerBridge[]; missing: BridgePlan[] } {
  return {
    stale: present.filter((found) => !wanted.some((plan) => isSame(plan, found))),
    missing: wanted.filter((plan) => !present.some((found) => isSame(plan, found))),
  };
}

const isSame = (plan: DockerBridge, found: DockerBridge): boolean =>
  (['name', 'bridge', 'subnet', 'range', 'gateway'] as const).every((key) => plan[key] === found[key]);
