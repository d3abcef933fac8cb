import { run } from '../kernel/index.ts';
import type { NetworkState } from '../state/index.ts';
import { type Counted, readCounters } from './read.ts';
import { type SetName, tableName } from './table.ts';

/** Traffic that entered a service on this host, since the host started. */
export interface Traffic {
  /** Connections begun: by containers here to its VIPs, by anyone to its published ports here. */
  readonly connections: number;
  /** Both directions. */
  readonly bytes: number;
}

const portBytes = { tcp: 'tcp_bytes', udp: 'udp_bytes', sctp: 'sctp_bytes' } as const;
const read: readonly SetName[] = [
  'vip_connections',
  'vip_bytes',
  'port_connections',
  ...Object.values(portBytes),
];

/** By service id. */
export async function readTraffic({ services }: NetworkState): Promise<Map<string, Traffic>> {
  const list = async (name: SetName) =>
    [name, readCounters(await run('nft', ['-j', 'list', 'set', 'ip', tableName, name]))] as const;
  const sets = new Map(await Promise.all(read.map(list)));
  const count = (set: SetName, key: string): Counted => sets.get(set)?.get(key) ?? { packets: 0, bytes: 0 };
  return new Map(
    [...services].map(([id, { attachments, published }]) => {
      const begun = [
        ...attachments.map(({ vip }) => count('vip_connections', vip)),
        ...published.map((port) => count('port_connections', `${port.protocol} . ${port.published}`)),
      ];
      const passed = [
        ...attachments.map(({ vip }) => count('vip_bytes', vip)),
        ...published.map((port) => count(portBytes[port.protocol], String(port.published))),
      ];
      return [
        id,
        {
          connections: begun.reduce((sum, { packets }) => sum + packets, 0),
          bytes: passed.reduce((sum, { bytes }) => sum + bytes, 0),
        },
      ];
    }),
  );
}
