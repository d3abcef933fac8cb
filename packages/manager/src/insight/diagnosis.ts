import type { NetworkCheck, NetworkHeard, WayCheck } from '@shoal/proto';
import { vxlanOverhead, vxlanPort, wireguardOverhead, wireguardPort } from '@shoal/proto/rules';
import type { Answer } from './ask.ts';
import { type Check, checkKinds, type Host } from './checks.ts';
import { reached, untried } from './reach.ts';

export interface Measured {
  readonly hosts: readonly Host[];
  readonly answers: readonly Answer<NetworkCheck>[];
  /** Of hosts that somebody missed an answer of: whose requests reached them. */
  readonly heard: readonly Answer<NetworkHeard>[];
}

/** What is well and what is not, and what to do about it; the latter first, causes before what follows from them. */
export function diagnose({ hosts, answers, heard }: Measured): Check[] {
  const known = new Map(hosts.map((host) => [host.id, host]));
  const asked = new Map(heard.flatMap(({ nodeId, value }) => (value ? [[nodeId, value] as const] : [])));
  const broken = new Set(
    answers.flatMap(({ nodeId, value }) =>
      (value?.ways ?? []).filter(({ answered }) => !answered).map((way) => `${nodeId} ${way.nodeId}`),
    ),
  );
  const checks = answers.flatMap((answer) => {
    const from = known.get(answer.nodeId);
    if (!from) return [];
    if (!answer.value) return [silent(from, answer.why)];
    const ways = answer.value.ways.flatMap((way) => {
      const to = known.get(way.nodeId);
      return to ? [walk(from, to, way, asked.get(to.id))] : [];
    });
    const { reach } = answer.value;
    const isBroken = (nodeId: string) =>
      broken.has(`${from.id} ${nodeId}`) || broken.has(`${nodeId} ${from.id}`);
    const tried = reach.flatMap((each) => reached(from, known.get(each.nodeId), each, isBroken(each.nodeId)));
    return [...ofHost(from, answer.value), ...ways, ...tried, ...untried(from, answer.value)];
  });
  const rank = ({ ok, check }: Check) => Number(ok) * checkKinds.length + checkKinds.indexOf(check);
  return checks.toSorted((a, b) => rank(a) - rank(b));
}

const silent = ({ name: from }: Host, why: string): Check => ({
  from,
  check: 'agent',
  ok: false,
  says: `${from} could not be checked: ${why}. Look whether the host is up and its agent runs`,
});

function ofHost({ name: from }: Host, { trouble, repaired, names }: NetworkCheck): Check[] {
  const bad = names.filter((each) => each.trouble !== '');
  return [
    trouble
      ? { from, check: 'agent', ok: false, says: `${from} reports: ${trouble}` }
      : { from, check: 'agent', ok: true, says: `the agent of ${from} is well` },
    repaired.length > 0
      ? {
          from,
          check: 'rules',
          ok: false,
          says: `${repaired.join(' and ')} of ${from} were not what they should be, and have been put right just now. If this comes again, another program on ${from} changes them`,
        }
      : {
          from,
          check: 'rules',
          ok: true,
          says: `rules, routes and VXLAN devices of ${from} are what they should be`,
        },
    ...bad.map(
      ({ network, gateway, transport, trouble: why }): Check => ({
        from,
        check: 'dns',
        ok: false,
        says: `containers of network ${network} on ${from} get no names over ${transport.toUpperCase()}: the DNS server at ${gateway} failed (${why}). Look whether another program on ${from} holds port 53, and at the agent's log`,
      }),
    ),
    ...(bad.length === 0
      ? [
          {
            from,
            check: 'dns',
            ok: true,
            says: `the DNS server of ${from} answers on all its networks`,
          } as const,
        ]
      : []),
  ];
}

/** One way: an answer that is missing counts against the way back when the other host heard the request. */
function walk(from: Host, to: Host, way: WayCheck, heard: NetworkHeard | undefined): Check {
  const check = way.size > 0 ? 'mtu' : 'path';
  const base = { from: from.name, to: to.name, check } as const;
  const failed = (says: string): Check => ({ ...base, ok: false, says });
  const where = `${to.name} ${way.encrypted ? 'on encrypted networks' : 'inside the overlay'}`;
  const full = way.size > 0 ? ` with packets of ${way.size} bytes` : '';
  if (way.answered) return { ...base, ok: true, says: `${from.name} reaches ${where}${full}` };
  if (way.trouble)
    return failed(`the way from ${from.name} to ${where} could not be checked: ${way.trouble}`);
  if (way.encrypted) return failed(check === 'mtu' ? tooLarge(from, to, way) : encryptedWay(from, to));
  const cameThrough = (way.size > 0 ? heard?.full : heard?.small)?.includes(from.id);
  if (cameThrough)
    return { ...base, ok: true, says: `${from.name} reaches ${where}${full}, but no answer comes back` };
  if (way.size > 0) return failed(tooLarge(from, to, way));
  return failed(heard ? blocked(from, to) : noAnswer(from, to));
}

const blocked = (from: Host, to: Host): string =>
  `${from.name} can't reach ${to.name} inside the overlay: UDP port ${vxlanPort} from ${from.address} to ${to.address} seems to be blocked; open it in the firewall between them`;

const noAnswer = (from: Host, to: Host): string =>
  `${from.name} gets no answer from ${to.name} inside the overlay, and ${to.name} can't say whether it was asked: either it is down, or UDP port ${vxlanPort} between ${from.address} and ${to.address} is blocked (with conntrack on ${to.name} the direction could be told)`;

const encryptedWay = (from: Host, to: Host): string =>
  `${from.name} can't reach ${to.name} on encrypted networks: UDP port ${wireguardPort} between ${from.address} and ${to.address} seems to be blocked in one direction or both; open it in the firewall between them`;

/** VXLAN and WireGuard around the packet. An encrypted way was tried with VXLAN on it. */
const tooLarge = (from: Host, to: Host, { size, encrypted }: WayCheck): string =>
  `${from.name} reaches ${to.name}${encrypted ? ' on encrypted networks' : ' inside the overlay'}, but packets of ${size} bytes don't arrive: the link from ${from.address} to ${to.address} carries less than the ${size + (encrypted ? wireguardOverhead : vxlanOverhead)} bytes that the hosts' own devices are set to. Set the devices' MTU to what the link carries, or make networks with a smaller one (-o com.docker.network.driver.mtu=N)`;
