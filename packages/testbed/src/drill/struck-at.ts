import { run } from '../machine/index.ts';

/**
 * Strikes, and tells when it hit (milliseconds since 1970): by the event of the daemon that plays the hosts, as its
 * command takes a while to start.
 */
export async function struckAt(strike: () => Promise<void>, filters: readonly string[]): Promise<number> {
  const from = Date.now();
  await strike();
  const seconds = (ms: number) => (ms / 1_000).toFixed(3);
  const events = await run('docker', [
    ...['events', '--since', seconds(from), '--until', seconds(Date.now())],
    ...filters.flatMap((filter) => ['--filter', filter]),
    ...['--format', '{{.TimeNano}}'],
  ]);
  const [first] = events.trim().split('\n');
  return first ? Number(first) / 1e6 : from;
}
