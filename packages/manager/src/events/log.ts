import { type Event, logMark } from '../model/index.ts';
import type { NewObject, Tx } from '../store/index.ts';

/** Past events kept, for those who ask `since`; Docker's daemon keeps 256. */
export const mostKept = 1_000;

/** An event that has no place in the log yet. `atUs`: when it happened, if that was not now; microseconds since the epoch. */
export type NewEvent = Omit<NewObject<Event>, 'ID' | 'atUs'> & { readonly atUs?: number };

/**
 * Writes events behind those that are there. Each gets the time when it happened, unless that would break the order: then one
 * just after the event before it. So the time of the last event that somebody has seen says exactly what is new to them,
 * whichever host a later one comes from, and however late.
 */
export function append(tx: Tx, events: readonly NewEvent[], nowMs: number): void {
  if (events.length === 0) return;
  const mark = tx.eventMarks.get(logMark);
  let { untilUs, count } = mark ?? { untilUs: 0, count: 0 };
  const nowUs = nowMs * 1_000;
  for (const event of events) {
    count++;
    untilUs = Math.max(Math.min(event.atUs ?? nowUs, nowUs), untilUs + 1);
    tx.events.create({ ...event, ID: String(count), atUs: untilUs });
    tx.events.remove(String(count - mostKept));
  }
  if (mark) tx.eventMarks.update({ ...mark, untilUs, count });
  else tx.eventMarks.create({ ID: logMark, untilUs, count });
}
