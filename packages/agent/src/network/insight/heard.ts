import { run } from '../kernel/index.ts';

/**
 * Where the echo requests with this id came from that reached one of this host's addresses within the last 30 s
 * (as long as the kernel remembers them). Rejects with a `CommandError` without `conntrack`.
 */
export async function echoSources(address: string, id: number): Promise<string[]> {
  return parseEchoSources(await run('conntrack', ['-L', '-p', 'icmp', '-d', address]), id);
}

export const parseEchoSources = (listed: string, id: number): string[] =>
  listed.split('\n').flatMap((line) => {
    const [, source, seen] = /src=(\S+) dst=\S+ type=8 code=0 id=(\d+)/.exec(line) ?? [];
    return source !== undefined && Number(seen) === id ? [source] : [];
  });
