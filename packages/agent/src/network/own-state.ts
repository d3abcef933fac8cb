import type { Logger } from 'pino';
import { leftOut, type Needs, resolverPortsOf, withoutNeeded } from './needs/index.ts';
import {
  heldPorts,
  type NetworkObjects,
  type NetworkState,
  NetworkStates,
  Remainders,
  withoutHeldPorts,
  withoutUnfit,
} from './state/index.ts';

/** At most so many of the things left out are named. */
export const mostSaid = 10;

interface OwnStateOptions {
  /** Ids of this host's tasks that must get no traffic, as of now. */
  readonly unfit: () => ReadonlySet<string>;
  /** Ports that something on the host itself listens on, as `tcp/22`, as of now. */
  readonly held: () => ReadonlySet<string>;
  readonly log: Logger;
}

/** What the manager told of the networks, less what must not be on this host: that goes into its kernel and its names. */
export class OwnState {
  readonly #unfitNow: OwnStateOptions['unfit'];
  readonly #heldNow: OwnStateOptions['held'];
  readonly #log: Logger;
  readonly #states = new NetworkStates();
  readonly #remainders = new Remainders();
  #told: { readonly objects: NetworkObjects; readonly nodeId: string } | undefined;
  #whole: NetworkState | undefined;
  #state: NetworkState | undefined;
  #unfit: ReadonlySet<string> = new Set();
  #held: ReadonlySet<string> = new Set();
  #leftOut: readonly string[] = [];
  #saidHeld = '';

  constructor({ unfit, held, log }: OwnStateOptions) {
    this.#unfitNow = unfit;
    this.#heldNow = held;
    this.#log = log;
  }

  /** These are the manager's objects now, and this host is that node. */
  told(objects: NetworkObjects, nodeId: string): void {
    this.#told = { objects, nodeId };
  }

  /** What is in the kernel, or about to be; undefined until there is one. */
  get state(): NetworkState | undefined {
    return this.#state;
  }

  /** As the manager sees it, with what this host leaves out. */
  get whole(): NetworkState | undefined {
    return this.#whole;
  }

  /** What the manager sent and this host can't do, in words. */
  get leftOut(): readonly string[] {
    return this.#leftOut;
  }

  /** As the manager sent it, whatever its driver. */
  network(id: string) {
    return this.#told?.objects.network.get(id);
  }

  /** Something else is unfit, or listens here, than when the state was derived. */
  isStale(needs: Needs): boolean {
    return !isSame(this.#unfitNow(), this.#unfit) || !isSame(this.#heldHere(needs), this.#held);
  }

  /** The state as of now; undefined as long as the manager has not told who this host is. */
  derive(needs: Needs): NetworkState | undefined {
    if (!this.#told) return undefined;
    this.#unfit = this.#unfitNow();
    this.#held = this.#heldHere(needs);
    const whole = this.#states.of(this.#told.objects, this.#told.nodeId);
    this.#whole = whole;
    if (!whole) return undefined;
    this.#say(leftOut(whole, needs));
    this.#sayHeld(heldPorts(whole, this.#held));
    const left = withoutHeldPorts(withoutUnfit(withoutNeeded(whole, needs), this.#unfit), this.#held);
    this.#state = this.#remainders.of(whole, left);
    return this.#state;
  }

  /** Ports that the host keeps, even if a service publishes them. */
  #heldHere(needs: Needs): ReadonlySet<string> {
    return new Set([...this.#heldNow(), ...resolverPortsOf(needs)]);
  }

  #say(texts: readonly string[]): void {
    const fresh = texts.filter((text) => !this.#leftOut.includes(text));
    if (fresh.length > 0)
      this.#log.error(
        { leftOut: fresh.slice(0, mostSaid) },
        'not done on this host, which would cut itself off',
      );
    this.#leftOut = texts;
  }

  #sayHeld(ports: readonly string[]): void {
    if (ports.join() === this.#saidHeld) return;
    this.#saidHeld = ports.join();
    if (ports.length > 0)
      this.#log.warn(
        { ports },
        'published ports are not served by this host: something on it listens there, or is its resolver for names',
      );
    else this.#log.info('this host serves all published ports again');
  }
}

const isSame = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((each) => b.has(each));
