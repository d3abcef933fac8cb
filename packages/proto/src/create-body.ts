/**
 * Body of Docker's `POST /containers/create`, as far as the agent looks into it; all else goes to the daemon as it came.
 */
export interface CreateBody {
  readonly Image: string;
  readonly Labels?: Readonly<Record<string, string>>;
  /** Seconds between the stop signal and the kill. */
  readonly StopTimeout?: number;
  readonly Healthcheck?: { /** Nanoseconds. */ readonly StartInterval?: number };
  readonly HostConfig?: HostConfig;
}

export interface HostConfig extends HostLimits {
  readonly Dns?: readonly string[];
  readonly DnsOptions?: readonly string[];
  /** Ports of the host by those of the container, such as `80/tcp`; the daemon picks one where it is empty. */
  readonly PortBindings?: Readonly<Record<string, readonly { readonly HostPort: string }[]>>;
}

/** What a container may use, and can be given anew while it runs. Absent or 0: nothing said. */
export interface HostLimits {
  readonly NanoCpus?: number;
  /** Bytes. */
  readonly Memory?: number;
  /** Bytes of memory and swap together; -1: as much swap as there is. */
  readonly MemorySwap?: number;
  /** Bytes. */
  readonly MemoryReservation?: number;
  readonly PidsLimit?: number;
}
