/** Causes come before what follows from them. */
export const checkKinds = ['agent', 'rules', 'dns', 'path', 'mtu', 'address', 'name', 'vip', 'port'] as const;

/** One thing that was looked at, in words for people. `from` and `to` are host names. */
export interface Check {
  readonly from: string;
  readonly to?: string;
  readonly check: (typeof checkKinds)[number];
  readonly ok: boolean;
  readonly says: string;
}

export interface Host {
  readonly id: string;
  readonly name: string;
  /** On the underlay. */
  readonly address: string;
}
