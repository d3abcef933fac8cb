import { readFile } from 'node:fs/promises';
import { CommandError, run } from '../kernel/index.ts';

/** How long connection tracking remembers a TCP connection that shows no packet, in seconds, by nft's names of its states. */
export type TcpTimeouts = ReadonlyMap<string, number>;

/** Name of the object with these timeouts in our table. */
export const timeoutsName = 'patient';

const hour = 3_600;

/**
 * By state: the kernel's setting, what it is where that can't be read, and the least for connections of the cluster's
 * networks. `close_wait` is one side's "I send no more": the other may answer when it is ready. Forgotten, an answer
 * through a VIP or a published port comes from an address that the client never asked, and is lost.
 */
const states: readonly (readonly [state: string, setting: string, usual: number, least: number])[] = [
  ['syn_sent', 'syn_sent', 120, 0],
  ['syn_recv', 'syn_recv', 60, 0],
  ['established', 'established', 120 * hour, 24 * hour],
  ['fin_wait', 'fin_wait', 120, 0],
  ['close_wait', 'close_wait', 60, 2 * hour],
  ['last_ack', 'last_ack', 30, 0],
  ['time_wait', 'time_wait', 120, 0],
  ['close', 'close', 10, 0],
  ['retrans', 'max_retrans', 300, 0],
  ['unack', 'unacknowledged', 300, 0],
];

/** The host's own settings, raised where they are too short for what people expect of a connection; never lowered. */
export const tcpTimeouts = (settingOf: (name: string) => number | undefined): TcpTimeouts =>
  new Map(
    states.map(([state, setting, usual, least]) => [state, Math.max(settingOf(setting) ?? usual, least)]),
  );

/** In nft's own language, without the name of the table. */
export const renderTimeouts = (timeouts: TcpTimeouts): string =>
  `${timeoutsName} { protocol tcp; l3proto ip; policy = { ${[...timeouts].map(([state, seconds]) => `${state} : ${seconds}`).join(', ')} }; }`;

/** As this host has them now; undefined where its kernel can't give connections timeouts of their own. */
export async function readTcpTimeouts(): Promise<TcpTimeouts | undefined> {
  const read = await Promise.all(states.map(async ([, name]) => [name, await settingOf(name)] as const));
  const settings = new Map(read);
  const timeouts = tcpTimeouts((name) => settings.get(name));
  return (await isSupported(timeouts)) ? timeouts : undefined;
}

async function settingOf(name: string): Promise<number | undefined> {
  const path = `/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_${name}`;
  return Number((await readFile(path, 'utf8').catch(() => '')).trim()) || undefined;
}

/** Asked of the kernel, and nothing is made: a table with something that it does not know would be refused as a whole. */
async function isSupported(timeouts: TcpTimeouts): Promise<boolean> {
  const input = `add table ip shoal-try\nadd ct timeout ip shoal-try ${renderTimeouts(timeouts)}\n`;
  try {
    await run('nft', ['--check', '-f', '-'], { input });
    return true;
  } catch (error) {
    // A tool that was too slow, or is missing, says nothing about the kernel.
    return !(error instanceof CommandError && error.stderr.includes('Error:'));
  }
}
