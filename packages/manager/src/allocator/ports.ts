import { isIngressPort, type PortConfig, publishedKey } from '../model/index.ts';

/** Ports given out when a service publishes one without naming it; Docker's own range. */
const firstDynamic = 30_000;
const lastDynamic = 32_767;

export interface Holder {
  readonly serviceId: string;
  readonly name: string;
  /** Held on every host, or on those that run the holder's tasks: services may share a port in that way. */
  readonly mode: 'ingress' | 'host';
}

/** The port is another service's. The text is Docker's. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
  constructor(port: PortConfig, holder: Holder) {
    super(
      `port '${port.PublishedPort}' is already in use by service '${holder.name}' (${holder.serviceId}) as ${holder.mode === 'ingress' ? 'an ingress' : 'a host-published'} port`,
    );
  }
}

/** Nothing is left of the range that ports are given out of. */
export class NoPortError extends Error {
  override readonly name = 'NoPortError';
}

/**
 * The service's ports with every published one allocated: named ones as they are, the others as they were before
 * (`previous`) or the lowest free one of the dynamic range on which no host listens; never one of `needed`. Throws
 * PortTakenError, or NoPortError when none is free.
 */
export function allocatePorts(
  wanted: readonly PortConfig[],
  previous: readonly PortConfig[],
  taken: ReadonlyMap<string, Holder>,
  isListenedOn: (port: PortConfig) => boolean,
  needed: Pick<ReadonlyMap<string, unknown>, 'has'> = new Map(),
): PortConfig[] {
  const own = new Set<string>();
  const claim = (port: PortConfig): PortConfig => {
    const key = publishedKey(port);
    const holder = taken.get(key);
    if (holder) throw new PortTakenError(port, holder);
    own.add(key);
    return port;
  };
  const claimOnHost = (port: PortConfig): PortConfig => {
    const holder = port.PublishedPort ? taken.get(publishedKey(port)) : undefined;
    if (holder?.mode === 'ingress') throw new PortTakenError(port, holder);
    return port;
  };
  const full = (port: PortConfig): PortConfig => ({
    ...port,
    Protocol: port.Protocol ?? 'tcp',
    PublishMode: port.PublishMode ?? 'ingress',
  });
  const allocated = new Map<PortConfig, PortConfig>();
  for (const port of wanted) {
    if (!isIngressPort(port)) allocated.set(port, claimOnHost(full(port)));
    else if (port.PublishedPort) allocated.set(port, claim(full(port)));
  }
  for (const port of wanted) {
    if (allocated.has(port)) continue;
    const kept = previous.find(
      (old) =>
        isIngressPort(old) &&
        old.TargetPort === port.TargetPort &&
        (old.Protocol ?? 'tcp') === (port.Protocol ?? 'tcp') &&
        isFree(old) &&
        isDynamic(old.PublishedPort ?? 0),
    );
    allocated.set(port, claim({ ...full(port), PublishedPort: kept?.PublishedPort ?? dynamic(full(port)) }));
  }
  return wanted.map((port) => allocated.get(port) ?? port);

  function isFree(port: PortConfig): boolean {
    const key = publishedKey(port);
    return !taken.has(key) && !own.has(key) && !needed.has(key);
  }
  function dynamic(port: PortConfig): number {
    for (let PublishedPort = firstDynamic; PublishedPort <= lastDynamic; PublishedPort++) {
      const candidate = { ...port, PublishedPort };
      if (isFree(candidate) && !isListenedOn(candidate)) return PublishedPort;
    }
    throw new NoPortError(
      `no port between ${firstDynamic} and ${lastDynamic} is free: name one with published=`,
    );
  }
}

const isDynamic = (port: number): boolean => port >= firstDynamic && port <= lastDynamic;
