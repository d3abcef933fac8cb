import type { Logger } from 'pino';
import { Refused } from '../../task/index.ts';
import { batch, Runner, readLinks } from '../kernel/index.ts';
import type { BridgePlan } from '../state/index.ts';
import { type DaemonFacts, daemonSupport } from './docker-support.ts';
import { bridgeOptions } from './options.ts';
import { gatewayBlock, repairBridge } from './repair.ts';

/** What the data path asks of this host's Docker daemon. */
export interface BridgeDriver {
  facts(): Promise<DaemonFacts>;
  /** The networks that `create` made, now or earlier. */
  list(): Promise<readonly DockerBridge[]>;
  /** Rejects with Refused for what the daemon has against it. */
  create(plan: BridgePlan, options: Readonly<Record<string, string>>): Promise<void>;
  /** False while containers are attached. */
  remove(name: string): Promise<boolean>;
  /** No container runs on it, and none that was made for it waits to be started. */
  idle(name: string): Promise<boolean>;
  /** Running containers attached to a network, so many at most: a process in each, and its address there. */
  attached(
    name: string,
    most?: number,
  ): Promise<readonly { readonly pid: number; readonly address: string }[]>;
}

/** A Docker network that is there, made by this agent, an older one, an older Docker or somebody else. */
export interface DockerBridge extends Identity {
  readonly options: Readonly<Record<string, string>>;
  /** Docker's own way to shut a network off. */
  readonly internal: boolean;
}

/** What a network must have to be a plan's at all. */
type Identity = Pick<BridgePlan, (typeof identity)[number]>;
const identity = ['name', 'bridge', 'networkId', 'subnet', 'range', 'gateway'] as const;

/** At most so many networks with the same trouble are named. */
const mostNamed = 3;
/** When Docker refused to make a network, or to remove one in use, it is tried again after this time. */
const refusedRetryMs = 10_000;

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
  /** As of the latest look. */
  #there: readonly Identity[] = [];
  /** Why networks could not be made, in words for people, by their names. */
  #refused: ReadonlyMap<string, string> = new Map();
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

  /** From now on these, and none else of ours. Resolves once they are there, or `refused`. */
  want(plans: readonly BridgePlan[]): Promise<void> {
    this.#wanted = plans;
    return this.#runner.run();
  }

  /** Docker has this very network: a device of its name may be still that of one that was removed just now. */
  has(plan: BridgePlan): boolean {
    return this.#there.some((found) => isSame(plan, found));
  }

  /** Why it could not be made at the newest look, in words for people; undefined if it could. */
  refused({ name }: BridgePlan): string | undefined {
    return this.#refused.get(name);
  }

  /** Until the next look no network counts as there. */
  forget(): void {
    this.#there = [];
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
    const { stale, outdated, missing } = diffBridges(present, wanted, options);
    const remade = [...stale, ...outdated.map(({ found }) => found)];
    this.#there = present.filter((found) => !remade.includes(found));
    const kept = await this.#removeAll(stale);
    const { gone, lasting } = await this.#removeOutdated(outdated);
    const refused = new Map<string, string>();
    for (const plan of [...gone, ...missing]) {
      const why = kept.has(plan.name)
        ? `the Docker network ${plan.name} has other addresses than planned, and containers attached`
        : await this.#create(plan, options);
      if (why) refused.set(plan.name, why);
    }
    this.#refused = refused;
    if (refused.size > 0) this.#lookLater();
    const there = wanted.filter(({ name }) => !refused.has(name));
    this.#there = there;
    const repaired = await this.#repairDevices(there);
    const text = [firstOf([...refused.values()]), lasting].filter(Boolean).join('; ');
    if (text !== '' && text !== this.#trouble) this.#log.warn(text);
    this.#trouble = text;
    if (stale.length > kept.size || missing.length + gone.length > refused.size || repaired) this.#onChange();
  }

  /** Returns what the daemon has against it, in words for people, or nothing; the other networks must not wait for it. */
  async #create(plan: BridgePlan, options: Readonly<Record<string, string>>): Promise<string> {
    const { name, bridge, subnet, range } = plan;
    try {
      await this.#driver.create(plan, options);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return `the Docker network ${name} can not be made: ${error.message}`;
    }
    this.#log.info({ network: name, bridge, subnet, range }, 'made a bridge network');
    return '';
  }

  /** Those with containers go on as they are; returns which, in words for people. */
  async #removeOutdated(outdated: readonly Outdated[]): Promise<{ gone: BridgePlan[]; lasting: string }> {
    const gone: BridgePlan[] = [];
    const lasting: string[] = [];
    for (const { plan, why } of outdated) {
      if ((await this.#driver.idle(plan.name)) && (await this.#driver.remove(plan.name))) {
        this.#log.info(
          { network: plan.name, why },
          'a bridge network is not what this daemon needs: making it anew',
        );
        gone.push(plan);
      } else {
        lasting.push(`the Docker network ${plan.name} has ${why}`);
        this.#lookLater();
      }
    }
    if (lasting.length === 0) return { gone, lasting: '' };
    return {
      gone,
      lasting: `${firstOf(lasting)}: it is made anew as soon as no container is on it (drain this node once, then make it active again)`,
    };
  }

  /** Gives the names of those still in use. */
  async #removeAll(stale: readonly DockerBridge[]): Promise<Set<string>> {
    const kept = new Set<string>();
    for (const { name, bridge } of stale) {
      if (await this.#driver.remove(name)) {
        this.#log.info({ network: name, bridge }, 'removed a bridge network');
      } else {
        kept.add(name);
        this.#lookLater();
      }
    }
    return kept;
  }

  #lookLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#runner.hint();
    }, refusedRetryMs);
  }

  /** Somebody removed the device or its address: Docker would make it again only when it starts anew. */
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

function firstOf(texts: readonly string[]): string {
  const more = texts.length > mostNamed ? ` and ${texts.length - mostNamed} more like it` : '';
  return `${texts.slice(0, mostNamed).join(', ')}${more}`;
}

/** A network that its plan's containers can use, but that has not all that this daemon needs for it. */
interface Outdated {
  readonly found: DockerBridge;
  readonly plan: BridgePlan;
  /** In words for people. */
  readonly why: string;
}

/** A network of other addresses than planned is in the way, and made anew. `options`: what this daemon needs, see `daemonSupport`. */
export function diffBridges(
  present: readonly DockerBridge[],
  wanted: readonly BridgePlan[],
  options: Readonly<Record<string, string>>,
): { stale: DockerBridge[]; outdated: Outdated[]; missing: BridgePlan[] } {
  return {
    stale: present.filter((found) => !wanted.some((plan) => isSame(plan, found))),
    outdated: present.flatMap((found) => {
      const plan = wanted.find((each) => isSame(each, found));
      const why = plan && differences(found, bridgeOptions(plan, options));
      return plan && why ? [{ found, plan, why }] : [];
    }),
    missing: wanted.filter((plan) => !present.some((found) => isSame(plan, found))),
  };
}

const isSame = (plan: Identity, found: Identity): boolean =>
  identity.every((key) => plan[key] === found[key]);

/** Options beyond these decide nothing here, or come with the daemon's own settings: a new network would have them, too. */
const differences = ({ options, internal }: DockerBridge, needed: Readonly<Record<string, string>>): string =>
  [
    ...Object.entries(needed)
      .filter(([key, value]) => options[key] !== value)
      .map(([key, value]) => `${key}=${options[key] ?? ''} instead of ${value}`),
    ...(internal ? ['--internal set'] : []),
  ].join(' and ');
