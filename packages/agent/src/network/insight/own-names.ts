import { randomInt } from 'node:crypto';
import type { NameCheck } from '@shoal/proto';
import {
  exchange,
  flag,
  gatewaysOf,
  headerLength,
  recordClass,
  recordType,
  responseCode,
} from '../dns/index.ts';
import { ingressName, type Network, type NetworkState } from '../state/index.ts';

const patienceMs = 4_000;
const dnsPort = 53;

/** Asks this host's own DNS server as its containers would, at the gateway of each network, over UDP and TCP. */
export const checkNames = ({ networks, services }: NetworkState): Promise<NameCheck[]> =>
  Promise.all(
    [...networks.values()].flatMap((network) => {
      const known = [...services.values()].find(({ attachments }) =>
        attachments.some(({ networkId }) => networkId === network.id),
      );
      return gatewaysOf({ networks: new Map([[network.id, network]]) }).flatMap((gateway) =>
        (['udp', 'tcp'] as const).map(async (transport) => ({
          network: network.name,
          gateway,
          transport,
          trouble: await troubleOf(network, gateway, transport, known?.name),
        })),
      );
    }),
  );

/** A name of the cluster is never passed on: what is wrong here is wrong on this host. */
async function troubleOf(
  network: Network,
  gateway: string,
  transport: 'udp' | 'tcp',
  service: string | undefined,
): Promise<string> {
  const name = `tasks.${service ?? 'nothing'}`;
  try {
    const options = { timeoutMs: patienceMs, signal: new AbortController().signal };
    const answer = await exchange(question(name), { address: gateway, port: dnsPort }, transport, options);
    const code = answer.readUInt16BE(2) & 0xf;
    // The ingress network has no names; that there is an answer is enough where no service is known.
    if (service === undefined || network.name === ingressName || code === responseCode.noError) return '';
    return `it answered the question for ${name} with code ${code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A query for the IPv4 addresses of a name (RFC 1035, 4.1). */
export function question(name: string): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(randomInt(0x10000), 0);
  header.writeUInt16BE(flag.recursionDesired, 2);
  header.writeUInt16BE(1, 4);
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, recordType.A, 0, recordClass.IN])]);
}
