import fc from 'fast-check';
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
    expect(withdrawals.awaits('n1')).toBe(true);
    withdrawals.sent('n1', 4);
    // It may have missed that, and be sent everything anew.
    expect(withdrawals.awaits('n1')).toBe(true);
    expect(withdrawals.applied('n1', 4)).toEqual(nothing);
    expect(withdrawals.awaits('n1')).toBe(false);
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

/** The same, as plainly as it can be said: who owes what for each task. */
class Plain {
  readonly open = new Map<string, { owner: string; nodes: Map<string, number | 'unsent'>; until: number }>();

  #release(free: (one: { nodes: Map<string, number | 'unsent'>; until: number }) => boolean) {
    const released = new Map<string, string>();
    for (const [taskId, one] of this.open)
      if (free(one)) {
        released.set(taskId, one.owner);
        this.open.delete(taskId);
      }
    return released;
  }

  begin(taskId: string, owner: string, nodes: readonly string[], now: number) {
    this.open.delete(taskId);
    const all = new Map(nodes.map((id) => [id, 'unsent' as const]));
    if (all.size > 0) this.open.set(taskId, { owner, nodes: all, until: now + withdrawalMs });
  }
  sent(nodeId: string, number: number) {
    for (const { nodes } of this.open.values()) if (nodes.get(nodeId) === 'unsent') nodes.set(nodeId, number);
  }
  applied(nodeId: string, number: number) {
    for (const { nodes } of this.open.values()) {
      const carrier = nodes.get(nodeId) ?? 'unsent';
      if (carrier !== 'unsent' && carrier <= number) nodes.delete(nodeId);
    }
    return this.#release(({ nodes }) => nodes.size === 0);
  }
  restarted(nodeId: string) {
    for (const { nodes } of this.open.values()) if (nodes.has(nodeId)) nodes.set(nodeId, 'unsent');
  }
  left(nodeId: string) {
    for (const { nodes } of this.open.values()) nodes.delete(nodeId);
    return this.#release(({ nodes }) => nodes.size === 0);
  }
  expired(now: number) {
    return this.#release(({ until }) => until <= now);
  }
}

it('whatever happens, releases what nobody owes any more, and nothing else', () => {
  const node = fc.constantFrom('n1', 'n2', 'n3');
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('begin' as const),
      task: fc.constantFrom('t1', 't2', 't3'),
      nodes: fc.subarray(['n1', 'n2', 'n3']),
    }),
    fc.record({
      kind: fc.constantFrom('sent', 'applied', 'restarted', 'left', 'pass', 'forget' as const),
      node,
      back: fc.nat({ max: 2 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { size: 'max', maxLength: 60 }), (steps) => {
      const [withdrawals, plain] = [new Withdrawals(), new Plain()];
      const numbers = new Map<string, number>();
      let now = 0;
      for (const step of steps) {
        now += 500;
        if (step.kind === 'begin') {
          withdrawals.begin(step.task, 'n1', step.nodes, now);
          plain.begin(step.task, 'n1', step.nodes, now);
          continue;
        }
        const { kind, node, back } = step;
        const number = (numbers.get(node) ?? 0) + 1;
        if (kind === 'sent') {
          numbers.set(node, number);
          withdrawals.sent(node, number);
          plain.sent(node, number);
        } else if (kind === 'applied')
          expect(withdrawals.applied(node, number - back)).toEqual(plain.applied(node, number - back));
        else if (kind === 'restarted') {
          numbers.delete(node);
          withdrawals.restarted(node);
          plain.restarted(node);
        } else if (kind === 'left') expect(withdrawals.left(node)).toEqual(plain.left(node));
        else if (kind === 'pass') {
          now += back * 4_000;
          expect(withdrawals.expired(now)).toEqual(plain.expired(now));
        } else {
          withdrawals.forget(`t${back + 1}`);
          plain.open.delete(`t${back + 1}`);
        }
        expect(['t1', 't2', 't3'].filter((id) => withdrawals.holds(id)).sort()).toEqual(
          [...plain.open.keys()].sort(),
        );
      }
    }),
  );
});
