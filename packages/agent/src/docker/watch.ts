import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerEvent } from '@shoal/proto';
import type { Logger } from 'pino';
import type { ListedContainer } from '../task/index.ts';
import { messageOf } from './errors.ts';

/** Waits between tries to reach the daemon again, doubled each time. */
const firstRetryMs = 200;
const longestRetryMs = 2_000;
/** Events are only hints: now and then everything is looked at, in case one was missed. */
const listEveryMs = 30_000;
/** A daemon that is stopped, not dead, accepts the connection and says nothing. */
const connectMs = 10_000;

/** Events after which a container looks different from before. */
export const telling = ['start', 'die', 'oom', 'destroy', 'health_status', 'pause', 'unpause'];

export interface DaemonEvent extends ContainerEvent {
  readonly taskId: string;
}

export interface Watched {
  list(): Promise<ListedContainer[]>;
  events(signal: AbortSignal, sinceUs: number): AsyncIterable<DaemonEvent | 'connected'>;
}

export interface WatchOptions {
  readonly daemon: Watched;
  readonly onList: (found: readonly ListedContainer[]) => void;
  readonly onEvent: (event: DaemonEvent) => void;
  /** A container looks different, by this event. */
  readonly onHint: (taskId: string, event: string) => void;
  /** The daemon does not answer, and why. Called once an outage. */
  readonly onLost: (reason: string) => void;
  /** The daemon answers (again). */
  readonly onFound: () => void;
  readonly log: Logger;
}

/** Follows this node's containers until the signal fires, through restarts of the daemon. */
export async function watchContainers(options: WatchOptions, signal: AbortSignal): Promise<void> {
  let failures = 0;
  // An agent before this one may not have told everything that the daemon remembers.
  const seen = { untilUs: 0 };
  while (!signal.aborted) {
    const connected = { seen: false };
    const reason = await follow(options, connected, seen, signal).catch(messageOf);
    if (signal.aborted) return;
    if (connected.seen || failures === 0) {
      options.log.warn({ reason }, 'lost the Docker daemon');
      options.onLost(reason);
    }
    failures = connected.seen ? 1 : failures + 1;
    const pause = Math.min(firstRetryMs * 2 ** (failures - 1), longestRetryMs);
    await sleep(pause, undefined, { signal }).catch(() => {});
  }
}

/** One connection's life; resolves or rejects with the reason of its end. */
async function follow(
  { daemon, onList, onEvent, onHint, onFound, log }: WatchOptions,
  connected: { seen: boolean },
  seen: { untilUs: number },
  signal: AbortSignal,
): Promise<string> {
  const end = new AbortController();
  const list = () =>
    daemon.list().then(onList, (error) => end.abort(new Error(`no list of containers: ${messageOf(error)}`)));
  let timer: NodeJS.Timeout | undefined;
  const silence = setTimeout(() => end.abort(new Error('it does not answer')), connectMs);
  try {
    for await (const item of daemon.events(AbortSignal.any([signal, end.signal]), seen.untilUs + 1)) {
      if (item === 'connected') {
        clearTimeout(silence);
        // Only now: what happens from here on comes as an event, what happened before is in the list.
        onList(await daemon.list());
        connected.seen = true;
        timer = setInterval(list, listEveryMs);
        log.info('watching containers');
        onFound();
        continue;
      }
      seen.untilUs = item.atUs;
      onEvent(item);
      if (telling.includes(item.action.split(':')[0] ?? '')) onHint(item.taskId, item.action);
    }
    return 'it closed the stream of events';
  } catch (error) {
    throw end.signal.aborted ? end.signal.reason : error;
  } finally {
    clearTimeout(silence);
    clearInterval(timer);
    end.abort();
  }
}
