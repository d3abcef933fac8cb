import { describe, expect, it } from 'vitest';
import { Withdrawals, withdrawalMs } from './withdrawals.ts';

const begun = () => {
  const withdrawals = new Withdrawals();
  withdrawals.begin('t1', 'n1', ['n1', 'n2'], 1_000);
  return withdrawals;
};
const nothing = new Map();

describe('a stop waits', () => {
  it('until every node that knows the endpoint has been sent its removal and has applied it', () => {
    const withdrawals = begun();
    withdrawals.sent('n1', 4);
    expect(withdrawals.applied('n1', 4)).toEqual(nothing);
    withdrawals.sent('n2', 9);
    expect(withdrawals.applied('n2', 8)).toEqual(nothing);
    expect(withdrawals.holds('t1')).toBe(true);
    expect(withdrawals.applied('n2', 9)).toEqual(new Map([['t1', 'n1']]));
    expect(withdrawals.holds('t1')).toBe(false);
  });

  it('not for what was applied before the removal was sent', () => {
    const withdrawals = begun();
    withdrawals.applied('n1', 100);
    withdrawals.sent('n1', 101);
    withdrawals.sent('n2', 7);
    expect(withdrawals.applied('n2', 7)).toEqual(nothing);
    expect(withdrawals.applied('n1', 101)).toEqual(new Map([['t1', 'n1']]));
  });

  it('for what a node says on its newest stream, whose numbers begin anew', () => {
    const withdrawals = begun();
    withdrawals.sent('n1', 1);
    withdrawals.applied('n1', 1);
    withdrawals.sent('n2', 50);
    withdrawals.restarted('n2');
    expect(withdrawals.applied('n2', 50)).toEqual(nothing);
    withdrawals.sent('n2', 1);
    expect(withdrawals.applied('n2', 1)).toEqual(new Map([['t1', 'n1']]));
  });

  it('not for nodes that went away, and never for ever', () => {
    const withdrawals = begun();
    withdrawals.sent('n1', 1);
    withdrawals.applied('n1', 1);
    expect(withdrawals.left('n2')).toEqual(new Map([['t1', 'n1']]));
    withdrawals.begin('t2', 'n1', ['n2'], 1_000);
    expect(withdrawals.expired(1_000 + withdrawalMs - 1)).toEqual(nothing);
    expect(withdrawals.expired(1_000 + withdrawalMs)).toEqual(new Map([['t2', 'n1']]));
    expect(withdrawals.deadline).toBeUndefined();
  });

  it('not at all when nobody knows the task', () => {
    const withdrawals = new Withdrawals();
    withdrawals.begin('t1', 'n1', [], 1_000);
    expect(withdrawals.holds('t1')).toBe(false);
  });
});
