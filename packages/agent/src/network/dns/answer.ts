import { parseAddress } from '@shoal/proto/rules';
import { recordType } from './query.ts';
import { type Found, splitSlot, type Zone } from './zone.ts';

/** What to say to a question. Seconds for `ttl`, IPv4 addresses as numbers. */
export type Answer =
  | { readonly kind: 'addresses'; readonly addresses: readonly number[]; readonly ttl: number }
  | { readonly kind: 'pointer'; readonly name: string; readonly ttl: number }
  /** The name exists, a record of this type does not. */
  | { readonly kind: 'nodata' }
  /** The name would be the cluster's, and does not exist. */
  | { readonly kind: 'nxdomain' }
  /** Not ours: the host's resolvers may know. `beyondSite`: public ones may be asked too. */
  | { readonly kind: 'forward'; readonly beyondSite: boolean }
  /** Not ours, and the asker is on networks without a way out. */
  | { readonly kind: 'refused' };

export interface Question {
  /** As `Query.name`: lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
}

/** A VIP stays as long as its service. */
const vipTtl = 5;
/** A task about to stop leaves the names at once and is stopped within 2 s, so clients may keep an answer no longer. */
const taskTtl = 1;
/** A service may be created, or a task start, at any moment. */
export const negativeTtl = 1;

/**
 * The order of tries is Docker's (libnetwork, `Sandbox.ResolveName`): the whole name in every network of the
 * asker, then `NAME.NETWORK` for every place to cut. The first network that knows the name answers alone.
 * `isClusterAddress`: whether only the cluster can know the names of an address.
 */
export function answer(
  { name, type }: Question,
  zones: readonly Zone[],
  isClusterAddress: (address: number) => boolean,
): Answer {
  const address = addressInReverse(name);
  if (address !== undefined) return answerReverse(address, type, zones, isClusterAddress);
  const found = find(name, zones);
  if (found) return answerFound(found, type);
  return isOurs(name, zones) ? { kind: 'nxdomain' } : answerStrange(name, zones);
}

function find(name: string, zones: readonly Zone[]): Found | undefined {
  for (const zone of zones) {
    const found = zone.find(name);
    if (found) return found;
  }
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    for (const zone of named(name.slice(dot + 1), zones)) {
      const found = zone.find(name.slice(0, dot));
      if (found) return found;
    }
  }
  return undefined;
}

const named = (name: string, zones: readonly Zone[]): readonly Zone[] =>
  zones.filter(({ network }) => network?.name.toLowerCase() === name);

function answerFound({ addresses, ofTasks }: Found, type: number): Answer {
  const wanted = type === recordType.A || type === recordType.ANY;
  if (!wanted || addresses.length === 0) return { kind: 'nodata' };
  return { kind: 'addresses', addresses, ttl: ofTasks ? taskTtl : vipTtl };
}

function answerReverse(
  address: number,
  type: number,
  zones: readonly Zone[],
  isClusterAddress: (address: number) => boolean,
): Answer {
  for (const zone of zones) {
    const name = zone.nameOf(address);
    if (name === undefined) continue;
    if (type !== recordType.PTR && type !== recordType.ANY) return { kind: 'nodata' };
    return { kind: 'pointer', name: `${name}.${zone.network?.name ?? ''}`, ttl: taskTtl };
  }
  return isClusterAddress(address) ? { kind: 'nxdomain' } : wayOut(zones, true);
}

const slotPattern = /^(\d+|[a-z0-9]{25})(\.[a-z0-9]{25})?$/;

/** A name that only the cluster could give: it must not travel to anybody's resolver, nor wait for it. */
function isOurs(name: string, zones: readonly Zone[]): boolean {
  if (/^tasks\.[^.]+$/.test(name)) return true;
  for (const [prefix, slot] of splitSlot(name))
    if (slotPattern.test(slot) && isService(prefix, zones)) return true;
  // `_grpclb._tcp.web`: clients look for service records below a host name before they use it.
  if (name.startsWith('_') && find(name.replace(/^(_[^.]*\.)+/, ''), zones)) return true;
  // No public domain has an underscore in its last part, `NETWORK` in `NAME.shop_default` does.
  const network = name.slice(name.lastIndexOf('.') + 1);
  return network.length < name.length && network.includes('_') && named(network, zones).length > 0;
}

const isService = (name: string, zones: readonly Zone[]): boolean =>
  zones.some((zone) => zone.membersOf(name).length > 0);

/**
 * Docker passes names without a dot on like all others. Some resolver on the site may know such a name
 * (`nas`, from dnsmasq); a public one can't, and would only learn what services are called here.
 */
function answerStrange(name: string, zones: readonly Zone[]): Answer {
  const dotted = name === '' || name.includes('.');
  const out = wayOut(zones, dotted);
  return out.kind === 'refused' && !dotted ? { kind: 'nxdomain' } : out;
}

/** Forwarding for a container on internal networks would be a way out of them (moby, CVE-2024-29018). */
const wayOut = (zones: readonly Zone[], beyondSite: boolean): Answer =>
  zones.some(({ network }) => network && !network.internal)
    ? { kind: 'forward', beyondSite }
    : { kind: 'refused' };

const reverseSuffix = '.in-addr.arpa';

/** The address that a name like `10.1.42.10.in-addr.arpa` asks about; undefined if it asks for no single one. */
function addressInReverse(name: string): number | undefined {
  if (!name.endsWith(reverseSuffix)) return undefined;
  return parseAddress(name.slice(0, -reverseSuffix.length).split('.').reverse().join('.'));
}
