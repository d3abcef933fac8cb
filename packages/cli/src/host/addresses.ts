import { networkInterfaces } from 'node:os';
import { usage } from '../exit.ts';
import { run } from './run.ts';
import { agentPort } from './settings.ts';

/** `HOST` or `HOST:PORT`, as people give a manager; 2480 is its own port for agents. Throws an ExitError. */
export function managerAddress(text: string): { host: string; port: number } {
  const [, host, port = String(agentPort)] = /^([\w.-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw usage(`${text} is no address of a manager: give it as HOST or HOST:PORT.`);
  return { host, port: Number(port) };
}

/** The address from which this host reaches another one. Throws an ExitError when there is no way. */
export async function addressTowards(host: string): Promise<string> {
  const way = await run('ip', ['-4', '-json', 'route', 'get', host]).catch((error: Error) => error);
  const source = way instanceof Error ? undefined : sourceIn(way);
  if (source !== undefined) return source;
  const why = way instanceof Error ? `: ${way.message}` : '';
  throw usage(`This host has no way to ${host}${why}. Give its own address with --advertise-addr IP.`);
}

/** What `ip -4 -json route get` says. */
export const sourceIn = (json: string): string | undefined =>
  (JSON.parse(json || '[]') as { prefsrc?: string }[])[0]?.prefsrc;

/**
 * Where other hosts reach this one, if there is only one such address. Throws an ExitError that lists them otherwise: a
 * wrong guess would be found out much later.
 */
export function onlyAddress(links: ReturnType<typeof networkInterfaces> = networkInterfaces()): string {
  const found = Object.entries(links).flatMap(([link, addresses = []]) =>
    /^(docker|br-|veth|sh\.|virbr|cni|flannel)/.test(link)
      ? []
      : addresses
          .filter(
            ({ family, internal, address }) =>
              family === 'IPv4' && !internal && !address.startsWith('169.254.'),
          )
          .map(({ address }) => ({ link, address })),
  );
  const [only, second] = found;
  if (only && !second) return only.address;
  const list = found.map(({ link, address }) => `${address} on ${link}`).join(', ');
  throw usage(
    found.length === 0
      ? 'This host has no IPv4 address that others could reach: give one with --advertise-addr IP.'
      : `This host has several addresses (${list}): say by which the others reach it, with --advertise-addr IP.`,
  );
}
