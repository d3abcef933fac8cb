import { expect, it } from 'vitest';
import { statusOf, toTaskStatus } from '../task/status.ts';
import { Outbox } from './outbox.ts';

const status = (taskId: string, message: string) => toTaskStatus(taskId, statusOf('running', { message }), 1);
const take = (outbox: Outbox, now = 0) =>
  outbox.take(now)?.statuses.map(({ taskId, message }) => `${taskId} ${message}`);

it('sends the newest of each task once', () => {
  const outbox = new Outbox();
  outbox.put(status('a', 'old'));
  outbox.put(status('b', 'old'));
  outbox.put(status('a', 'new'));
  expect(take(outbox)).toEqual(['a new', 'b old']);
  expect(take(outbox)).toBeUndefined();
});

it('sends again what was not accepted in time', () => {
  const outbox = new Outbox();
  outbox.put(status('a', '1'));
  const lost = outbox.take(0);
  outbox.put(status('b', '1'));
  const accepted = outbox.take(10);
  outbox.acknowledge(accepted?.number ?? 0);
  outbox.expire(0);
  expect(take(outbox)).toBeUndefined();
  outbox.expire(5);
  expect(take(outbox, 20)).toEqual(['a 1']);
  // An answer to the first sending says nothing about the second.
  outbox.acknowledge(lost?.number ?? 0);
  outbox.expire(100);
  expect(take(outbox, 100)).toEqual(['a 1']);
});

it('does not take an old acknowledgement for a new status', () => {
  const outbox = new Outbox();
  outbox.put(status('a', '1'));
  const first = outbox.take(0);
  outbox.put(status('a', '2'));
  outbox.take(1);
  outbox.acknowledge(first?.number ?? 0);
  outbox.expire(100);
  expect(take(outbox)).toEqual(['a 2']);
});

it('forgets tasks that are nobody’s', () => {
  const outbox = new Outbox();
  outbox.put(status('a', '1'));
  outbox.drop('a');
  expect(take(outbox)).toBeUndefined();
});
