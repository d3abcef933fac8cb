import { run } from '../machine/index.ts';

/**
 * Strikes, and returns the moment when it took effect (milliseconds since 1970): that of the event of the Docker daemon which
 * runs the hosts, since its command takes a while to start.
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
