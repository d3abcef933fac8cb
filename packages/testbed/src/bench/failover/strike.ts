import * as faults from '../../faults.ts';
import type { Host } from '../../host.ts';
import { run } from '../../run.ts';
import type { Kind } from './outcome.ts';

/**
 * Strikes, and tells when the host was hit (milliseconds since 1970): by the event of the daemon that plays the hosts,
 * as its command takes a while to start. Of the daemon's death there is no event: it counts from the command.
 */
export async function strike(kind: Kind, host: Host): Promise<number> {
  const from = Date.now();
  switch (kind) {
    case 'power':
      await faults.powerOff(host);
      return (await eventAt(from, ['type=container', 'event=kill', `container=${host.container}`])) ?? from;
    case 'cut':
      await faults.cut(host);
      return (await eventAt(from, ['type=network', 'event=disconnect', `network=${host.network}`])) ?? from;
    case 'daemon':
      await faults.killProcess(host, 'dockerd', { hold: true });
      return from;
  }
}

async function eventAt(sinceMs: number, filters: readonly string[]): Promise<number | undefined> {
  const seconds = (ms: number) => (ms / 1_000).toFixed(3);
  const events = await run('docker', [
    ...['events', '--since', seconds(sinceMs), '--until', seconds(Date.now())],
    ...filters.flatMap((filter) => ['--filter', filter]),
    ...['--format', '{{.TimeNano}}'],
  ]);
  const [first] = events.trim().split('\n');
  return first ? Number(first) / 1e6 : undefined;
}
