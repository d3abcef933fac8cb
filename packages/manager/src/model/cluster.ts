/** Facts about the whole cluster; there is exactly one such object. */
export interface Cluster {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly JoinTokens: { readonly Worker: string; readonly Manager: string };
  /** Ended tasks kept per slot, beside the live one (Swarm's TaskHistoryRetentionLimit, default 5). */
  readonly TaskHistoryRetentionLimit: number;
  /** Of the manager that leads, or led last: greater than that of all before it. None before the first had one. */
  readonly term?: number;
  /**
   * How often agents beat, ms: none keeps a longer lease or beats less often than follows from that. Where there never were more
   * than 1,000 nodes it is not set.
   */
  readonly beatMs?: number;
  /** TCP ports on which the manager listens, as of its last start, and what for. */
  readonly managerPorts?: readonly { readonly port: number; readonly what: string }[];
}
