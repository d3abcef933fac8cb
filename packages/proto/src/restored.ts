/** What was in a backup, as the manager's `restore.mjs` says it to the `shoal` command, in JSON. */
export interface Restored {
  readonly clusterId: string;
  /** ISO 8601. */
  readonly madeAt: string;
  /** Of Shoal. */
  readonly release: string;
  /** Ids. */
  readonly nodes: readonly string[];
  readonly services: number;
  /** The node whose host ran the manager. */
  readonly formerManager?: { readonly id: string; readonly address: string };
  /** Of a manager that was locked whenever it started: not to be shown. */
  readonly unlockKey?: string | undefined;
  /** Where the manager served its API, but for its socket. */
  readonly api: readonly string[];
  /** By which other names people know that. */
  readonly tlsNames: readonly string[];
  /** Its API showed a certificate that is in no backup. */
  readonly ownTls: boolean;
}
