import { readFile } from 'node:fs/promises';

const connections = '/proc/net/nf_conntrack';

/** One side may have said that it sends no more: it waits for the answer. */
const open = / (ESTABLISHED|CLOSE_WAIT) /;

/**
 * TCP connections that the kernel tracks as open to these addresses, through a load balancer or straight.
 * 0 where the kernel does not show them: nothing waits for what can't be seen.
 */
export async function openConnections(addresses: readonly string[]): Promise<number> {
  return countOpen(await readFile(connections, 'utf8').catch(() => ''), addresses);
}

/** The answering side of a flow, its second `src=`, is the container's own address even behind a VIP. */
export function answering(flow: string): string {
  const from = flow.lastIndexOf(' src=') + 5;
  return flow.slice(from, flow.indexOf(' ', from));
}

export function countOpen(table: string, addresses: readonly string[]): number {
  const wanted = new Set(addresses);
  let count = 0;
  for (const line of table.split('\n')) {
    if (open.test(line) && wanted.has(answering(line))) count++;
  }
  return count;
}
