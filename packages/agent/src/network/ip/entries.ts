/**
 * Addresses, neighbours, forwarding entries, routes and policy rules: small things in the kernel that are put
 * and removed one by one, each by a line of `ip` or `bridge`.
 */
export interface Entry {
  readonly kind: EntryKind;
  /** No two entries have the same kind and key. */
  readonly key: string;
  readonly value: string;
  readonly put: string;
  readonly remove: string;
}

/** In the order in which they are made; later ones need earlier ones. */
export const entryKinds = ['address', 'neighbour', 'forwarding', 'route', 'rule'] as const;
export type EntryKind = (typeof entryKinds)[number];

export const toolOf = (kind: EntryKind): 'ip' | 'bridge' => (kind === 'forwarding' ? 'bridge' : 'ip');

/** Commands, in the order in which to run them. */
export interface Steps {
  readonly tool: 'ip' | 'bridge';
  readonly lines: readonly string[];
}

/** The commands that turn what is present into `desired`: removals first, and of these what depends on others first. */
export function diffEntries(present: readonly Entry[], desired: readonly Entry[]): Steps[] {
  const wanted = new Map(desired.map((entry) => [idOf(entry), entry]));
  const found = new Map(present.map((entry) => [idOf(entry), entry]));
  const gone = present.filter((entry) => !wanted.has(idOf(entry)));
  const changed = desired.filter((entry) => found.get(idOf(entry))?.value !== entry.value);
  return [
    ...entryKinds.toReversed().map((kind) => stepsOf(kind, gone, ({ remove }) => remove)),
    ...entryKinds.map((kind) => stepsOf(kind, changed, ({ put }) => put)),
  ].filter(({ lines }) => lines.length > 0);
}

const idOf = ({ kind, key }: Entry) => `${kind} ${key}`;

const stepsOf = (kind: EntryKind, entries: readonly Entry[], line: (entry: Entry) => string): Steps => ({
  tool: toolOf(kind),
  lines: entries.filter((entry) => entry.kind === kind).map(line),
});

export const address = (device: string, block: string): Entry => ({
  kind: 'address',
  key: `${device} ${block}`,
  value: '',
  put: `address add ${block} dev ${device}`,
  remove: `address del ${block} dev ${device}`,
});

export const neighbour = (device: string, ip: string, mac: string): Entry => ({
  kind: 'neighbour',
  key: `${device} ${ip}`,
  value: mac,
  put: `neigh replace ${ip} lladdr ${mac} dev ${device} nud permanent`,
  remove: `neigh del ${ip} dev ${device}`,
});

export const forwarding = (device: string, mac: string, host: string): Entry => ({
  kind: 'forwarding',
  key: `${device} ${mac}`,
  value: host,
  put: `fdb replace ${mac} dev ${device} dst ${host} self permanent`,
  remove: `fdb del ${mac} dev ${device} dst ${host} self`,
});

export interface RouteParts {
  /** CIDR, or `default`. */
  readonly to: string;
  readonly device: string;
  /** Next host; empty for what is on the link. */
  readonly via: string;
  readonly table: number;
}

export const mainTable = 254;

export function route({ to, device, via, table }: RouteParts, protocol: number): Entry {
  const where = `${to} table ${table} proto ${protocol}`;
  return {
    kind: 'route',
    key: `${table} ${to}`,
    value: `${device} ${via}`,
    put: via
      ? `route replace ${where} via ${via} dev ${device} onlink`
      : `route replace ${where} dev ${device} scope link`,
    remove: `route del ${where}`,
  };
}

/** `selector` and `action` as `ip rule` takes them; `key` what its listing makes of both. */
export const rule = (priority: number, selector: string, action: string, protocol: number): Entry => ({
  kind: 'rule',
  key: `${priority} ${selector} ${action}`,
  value: '',
  put: `rule add priority ${priority} ${selector} ${action} protocol ${protocol}`.replace(/ +/g, ' '),
  remove: `rule del priority ${priority} ${selector} ${action}`.replace(/ +/g, ' '),
});
