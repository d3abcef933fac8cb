/** Something that goes wrong with host `at` from `from` on, until `to`. */
export type Fault = { readonly from: number; readonly to: number } & (
  | { readonly kind: 'power' | 'cut' | 'agentDead' | 'agentStall' | 'mute'; readonly at: number }
  /** What `at` sends to `towards` is lost. */
  | { readonly kind: 'oneWay'; readonly at: number; readonly towards: number }
  | { readonly kind: 'managerStall' | 'managerRestart' }
);

interface Span {
  readonly from: number;
  readonly to: number;
}

interface HostFaults {
  readonly power: Span[];
  readonly cut: Span[];
  /** Its agent does not work, for whatever reason. */
  readonly agentOff: Span[];
  readonly mute: Span[];
  /** By the other host: packets do not pass both ways. */
  readonly oneWay: Map<number, Span[]>;
}

const hits = (spans: readonly Span[] | undefined, from: number, to: number): boolean =>
  spans?.some((span) => span.from <= to && span.to >= from) ?? false;

/** What works when, of a manager on host 0 and so many hosts with an agent each. Times in ms. */
export class Faults {
  readonly #hosts: readonly HostFaults[];
  readonly #managerOff: Span[] = [];
  readonly #managerStalls: Span[] = [];

  constructor(hosts: number, faults: readonly Fault[]) {
    this.#hosts = Array.from({ length: hosts }, () => ({
      power: [],
      cut: [],
      agentOff: [],
      mute: [],
      oneWay: new Map(),
    }));
    for (const fault of faults) this.#note(fault);
  }

  /** The host runs, and packets pass between it and `other` both ways, without a break from `from` to `to`. */
  reach(other: number, host: number, from: number, to: number): boolean {
    const [a, b] = [this.#of(host), this.#of(other)];
    if (hits(a.power, from, to) || hits(b.power, from, to)) return false;
    if (host === other) return true;
    return !hits(a.cut, from, to) && !hits(b.cut, from, to) && !hits(a.oneWay.get(other), from, to);
  }

  /** The host's agent beats without a break. */
  agentBeats(host: number, from: number, to: number): boolean {
    return !hits(this.#of(host).agentOff, from, to);
  }

  /** It also answers questions. */
  agentAnswers(host: number, from: number, to: number): boolean {
    return !hits(this.#of(host).mute, from, to) && this.agentBeats(host, from, to);
  }

  managerWorks(from: number, to: number): boolean {
    return !hits(this.#managerOff, from, to);
  }

  /** Undefined when it does not stall then. */
  stallEndsAt(time: number): number | undefined {
    return this.#managerStalls.find(({ from, to }) => from <= time && time <= to)?.to;
  }

  #of(host: number): HostFaults {
    const found = this.#hosts[host];
    if (!found) throw new Error(`there is no host ${host}`);
    return found;
  }

  #note(fault: Fault): void {
    if (!('at' in fault)) {
      this.#managerOff.push(fault);
      if (fault.kind === 'managerStall') this.#managerStalls.push(fault);
      return;
    }
    const host = this.#of(fault.at);
    if (fault.kind === 'oneWay') {
      for (const [from, to] of [
        [fault.at, fault.towards],
        [fault.towards, fault.at],
      ] as const) {
        const { oneWay } = this.#of(from);
        oneWay.set(to, [...(oneWay.get(to) ?? []), fault]);
      }
      return;
    }
    if (fault.kind === 'cut') host.cut.push(fault);
    else if (fault.kind === 'mute') host.mute.push(fault);
    else host.agentOff.push(fault);
    if (fault.kind === 'power') host.power.push(fault);
  }
}
