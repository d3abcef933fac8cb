import { ContainerEvents } from '@shoal/proto';
import { expect, it } from 'vitest';
import { EventQueue } from './event-queue.ts';

const event = (atUs: number) => ({ atUs, action: 'start', containerId: 'c1', attributes: {} });
const times = (queue: EventQueue) => queue.next()?.events.map(({ atUs }) => atUs);

it('says the same until it is known, a bounded number at a time', () => {
  const queue = new EventQueue();
  for (let at = 1; at <= 40; at++) queue.put(event(at));
  expect(times(queue)).toEqual(Array.from({ length: 32 }, (_, n) => n + 1));
  expect(times(queue)).toHaveLength(32);
  queue.known(32);
  expect(times(queue)).toEqual([33, 34, 35, 36, 37, 38, 39, 40]);
  queue.known(40);
  expect(queue.next()).toBeUndefined();
});

it('gives each event a time of its own, also when the clock stands still, goes back, or was ahead in the life before', () => {
  const queue = new EventQueue();
  for (const at of [5, 5, 3]) queue.put(event(at));
  expect(times(queue)).toEqual([5, 6, 7]);
  queue.known(100);
  queue.put(event(50));
  expect(times(queue)).toEqual([101]);
});

it("tells nothing of before this agent twice, whether the daemon's memory or the manager's comes first", () => {
  for (const daemonFirst of [true, false]) {
    const queue = new EventQueue(100);
    const remembered = () => {
      for (const at of [10, 10, 20]) queue.put(event(at));
    };
    if (daemonFirst) remembered();
    queue.known(11);
    if (!daemonFirst) remembered();
    expect(times(queue)).toEqual([20]);
    queue.known(20);
    // The clock is set back: what happens now is new all the same.
    for (const at of [101, 5]) queue.put(event(at));
    expect(times(queue)).toEqual([101, 102]);
  }
});

it('drops the oldest when the manager takes none for long, and says how many, until the manager knows', () => {
  const queue = new EventQueue();
  for (let at = 1; at <= 1_017; at++) queue.put(event(at));
  expect(queue.next()).toMatchObject({ dropped: 17, events: { 0: { atUs: 18 } } });
  queue.known(0);
  queue.put(event(2_000));
  expect(queue.next()?.dropped).toBe(18);
  queue.known(50);
  expect(queue.next()?.dropped).toBe(0);
});

it('has messages that the manager takes, whatever labels containers have', () => {
  const queue = new EventQueue();
  for (let at = 1; at <= 40; at++)
    queue.put({ ...event(at), attributes: { name: 'web.1', 'com.example.long': 'ü'.repeat(400_000) } });
  const message = queue.next() ?? { events: [], dropped: 0 };
  expect(ContainerEvents.encode(message).finish().length).toBeLessThan(2 * 2 ** 20);
  expect(message.events.map(({ attributes }) => attributes)).toEqual(Array(32).fill({ name: 'web.1' }));
});
