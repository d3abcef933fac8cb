/** In /proc/net/tcp, see proc_net_tcp.txt of the kernel's documentation. */
const established = '01';

/** Whether /proc/net/tcp tells of an established connection to this IPv4 address and port. */
export function hasConnection(procNetTcp: string, address: string, port: number): boolean {
  // The address's bytes are those of a little-endian number, the port's are not.
  const bytes = address.split('.').map((part) => hex(Number(part), 2));
  const remote = `${bytes.toReversed().join('')}:${hex(port, 4)}`;
  return procNetTcp
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([, , to, state]) => to === remote && state === established);
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
