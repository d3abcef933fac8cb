/** A process on a host that listens on one of its ports. */
export interface Listener {
  readonly protocol: string;
  readonly port: number;
  /** Name and id of the process; absent where the agent can't see them. A name alone says in words what it is. */
  readonly process?: string;
  readonly pid?: number;
  /** It is a container of this service, on the host's network. */
  readonly serviceId?: string;
}

interface Host {
  readonly reported: { readonly listeners?: readonly Listener[] };
}

/** What of a node listens on the port. */
export const listenerAt = ({ reported }: Host, protocol: string, port: number): Listener | undefined =>
  reported.listeners?.find((each) => each.port === port && each.protocol === protocol);

/** For people: `"sshd" (pid 812)`, `the host's resolver`. */
export const listenerText = ({ process, pid }: Listener): string =>
  process === undefined
    ? 'a process that its agent can not see'
    : pid === undefined
      ? process
      : `"${process}" (pid ${pid})`;
