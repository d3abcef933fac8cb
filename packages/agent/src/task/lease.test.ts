import { expect, it, vi } from 'vitest';
import { Lease } from './lease.ts';

function aLease() {
  const said: string[] = [];
  const time = { now: 1_000 };
  const lease = new Lease({
    clock: () => time.now,
    onEnd: () => said.push('end'),
    onBegin: () => said.push('begin'),
  });
  return { lease, said, time };
}

it('tells of its begin and its end, once', () => {
  vi.useFakeTimers();
  const { lease, said, time } = aLease();
  const pass = (ms: number) => {
    time.now += ms;
    vi.advanceTimersByTime(ms);
  };
  lease.renew(1_500);
  pass(400);
  lease.renew(2_000);
  pass(500);
  expect(said).toEqual(['begin']);
  pass(100);
  expect(said).toEqual(['begin', 'end']);
  lease.renew(1_999);
  pass(5_000);
  expect(said).toEqual(['begin', 'end']);
  lease.renew(9_000);
  expect(said).toEqual(['begin', 'end', 'begin']);
  lease.close();
  vi.useRealTimers();
});

it('that ended while everything stood still ends before it is renewed', () => {
  const { lease, said, time } = aLease();
  lease.renew(2_000);
  time.now = 60_000;
  lease.renew(70_000);
  expect(said).toEqual(['begin', 'end', 'begin']);
  lease.close();
});
