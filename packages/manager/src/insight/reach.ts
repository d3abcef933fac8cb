import type { NetworkCheck, ReachCheck } from '@shoal/proto';
import type { Check, Host } from './checks.ts';

const kinds = ['address', 'name', 'vip', 'port'] as const;

/**
 * What users do, tried from one host to another (`to`; undefined: any container may have answered). `isBroken`: the way
 * between the two is, and said so elsewhere.
 */
export function reached(from: Host, to: Host | undefined, tried: ReachCheck, isBroken: boolean): Check[] {
  const check = kinds.find((kind) => kind === tried.by);
  // The other host left meanwhile, or the agent is newer than this manager.
  if (!check || (tried.nodeId !== '' && !to)) return [];
  const base = { from: from.name, ...(to && { to: to.name }), check } as const;
  const ok = tried.failed === 0;
  const words = ok ? well(from, to, tried) : `${bad(from, to, tried)}. ${advice(from, to, tried, isBroken)}`;
  return [{ ...base, ok, says: words }];
}

const many = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : what.endsWith('s') ? 'es' : 's'}`;

function well({ name }: Host, to: Host | undefined, { by, tried }: ReachCheck): string {
  if (by === 'address') return `${name} reaches ${many(tried, 'container address')} of ${to?.name}`;
  if (by === 'name')
    return `containers on ${name} find ${many(tried, `${to ? 'container' : 'service'} name`)}${to ? ` of ${to.name}` : ''}`;
  if (by === 'vip') return `containers on ${name} reach ${many(tried, 'VIP')} of services`;
  return `${name} is answered on ${many(tried, 'published port')} of ${to?.name}`;
}

function bad({ name }: Host, to: Host | undefined, { by, tried, failed, failures }: ReachCheck): string {
  const more = failed > failures.length ? `; and ${failed - failures.length} more` : '';
  const which = `${failures.join('; ')}${more}`;
  const of = (what: string) => `${failed} of ${many(tried, what)}`;
  if (by === 'address') return `${name} can't reach ${of('container address')} of ${to?.name}: ${which}`;
  if (by === 'name')
    return `containers on ${name} can't find ${of(`${to ? 'container' : 'service'} name`)}${to ? ` of ${to.name}` : ''}: ${which}`;
  if (by === 'vip') return `containers on ${name} can't reach ${of('VIP')} of services: ${which}`;
  return `${name} gets no answer on ${of('published port')} of ${to?.name}: ${which}`;
}

function advice({ name }: Host, to: Host | undefined, { by }: ReachCheck, isBroken: boolean): string {
  if (isBroken) return `The way between ${name} and ${to?.name} is broken, see there`;
  if (by === 'name')
    return `Look whether another program on ${name} holds port 53 or answers for 127.0.0.11 in containers, and at the agent's log`;
  if (by === 'address')
    return `The way between the hosts is well, so something drops it on ${to?.name}, or on ${name}: look there for rules that are not Shoal's (iptables -t raw -S, iptables -S, nft list ruleset)`;
  if (by === 'vip')
    return "If containers are missing by address, too, it is one of those; otherwise look at the agent's log";
  return `If containers are missing by address, too, it is one of those; otherwise look whether a firewall on ${to?.name} or before it drops these ports`;
}

/** What there was nothing to try with, or no time for. It is no fault, but nothing is known of it. */
export function untried(
  { name: from }: Host,
  { reach, untried: left, reachTrouble: trouble }: NetworkCheck,
): Check[] {
  const isMissing = (by: string) => !reach.some((each) => each.by === by);
  const say = (check: Check['check'], says: string, ok = true): Check => ({ from, check, ok, says });
  return [
    ...(trouble
      ? [
          say(
            'address',
            `nothing could be tried from inside of containers on ${from}: ${trouble}${trouble.includes('nsenter') ? '. Look whether nsenter (Debian package util-linux) is installed there' : ''}`,
            false,
          ),
        ]
      : []),
    ...(!trouble && isMissing('address') && isMissing('name') && isMissing('vip')
      ? [
          say(
            'address',
            `nothing could be tried from ${from} by address, name or VIP: no task there shares a network with one elsewhere`,
          ),
        ]
      : []),
    ...(isMissing('port')
      ? [
          say(
            'port',
            `no published port could be tried from ${from}: no running service publishes one over TCP`,
          ),
        ]
      : []),
    ...(left > 0
      ? [
          say(
            'address',
            `${left} further addresses, names, VIPs and ports were not tried from ${from}: it would take too long`,
          ),
        ]
      : []),
  ];
}
