import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoint, network, service, state } from '../state/builders.fixture.ts';
import { anyState, sharing } from '../state/states.fixture.ts';
import { planTable } from './desired.ts';
import { diffPlans, diffTable, idsOf, type PresentTable, renderChanges } from './diff.ts';
import { applyChanges, partsOf, strangeTable } from './kernel.fixture.ts';
import { merge, type TablePlan } from './table.ts';

const whole = (plan: TablePlan) => merge(partsOf(plan));
const present = (plan: TablePlan): PresentTable => ({ sets: whole(plan).sets, chains: idsOf(whole(plan)) });

describe('changes of the table', () => {
  it('make any state of any other', () => {
    fc.assert(
      fc.property(anyState, anyState, (before, after) => {
        const from = present(planTable(before));
        const desired = whole(planTable(after));
        const result = applyChanges(from, diffTable(from, desired));
        expect(result).toEqual(present(planTable(after)));
        expect(diffTable(result, desired)).toEqual([]);
      }),
    );
  });

  it('make it from nothing, and from a table of another shape', () => {
    fc.assert(
      fc.property(anyState, fc.constantFrom(undefined, strangeTable), (after, before) => {
        const result = applyChanges(before, diffTable(before, whole(planTable(after))));
        expect(result).toEqual(present(planTable(after)));
      }),
    );
  });

  it('are the same when only the parts that changed are compared, but for chains that services share', () => {
    fc.assert(
      fc.property(anyState, anyState, (before, next) => {
        const after = sharing(before, next);
        const from = present(planTable(before));
        const changes = diffPlans(planTable(before), planTable(after), from.chains);
        const result = applyChanges(from, changes);
        expect(result?.sets).toEqual(present(planTable(after)).sets);
        const rest = diffTable(result, whole(planTable(after)));
        expect(rest.every(({ kind }) => kind === 'delete-chain')).toBe(true);
      }),
    );
  });

  it('put back what a stranger took', () => {
    const plan = planTable(state({ networks: [network(1)] }));
    const taken = present(plan);
    const chains = new Map([...taken.chains, ['through', []], ['to-1', ['foreign']]]);
    const changes = diffTable({ ...taken, chains }, whole(plan));
    expect(changes.map((change) => ('chain' in change ? change.chain : change.kind))).toEqual([
      'through',
      'to-1',
    ]);
  });

  it('of one endpoint have the same size whatever the number of services', () => {
    const make = (id: number, slots: number) =>
      service(`s${id}`, {
        attachments: [{ networkId: 'net1', vip: `10.1.250.${id}`, aliases: [] }],
        endpoints: Array.from({ length: slots }, (_, slot) =>
          endpoint(`s${id}`, slot, { net1: `10.1.2.${10 + slot}` }, 'node2'),
        ),
      });
    const change = (count: number) => {
      const others = Array.from({ length: count }, (_, index) => make(index + 2, 3));
      const before = state({ networks: [network(1)], services: [make(1, 3), ...others] });
      const after = { ...before, services: new Map(before.services).set('s1', make(1, 4)) };
      const plan = planTable(before);
      return renderChanges(diffPlans(plan, planTable(after), present(plan).chains));
    };
    expect(change(200)).toBe(change(0));
    expect(change(0)).toMatchInlineSnapshot(`
      "add chain ip shoal vip-4
      flush chain ip shoal vip-4
      add rule ip shoal vip-4 dnat to ip daddr . numgen random mod 4 map @backends comment "dd0924d0b608"
      delete element ip shoal vips { "sh.n1" . 10.1.250.1 : goto vip-3 }
      add element ip shoal vips { "sh.n1" . 10.1.250.1 : goto vip-4 }
      add element ip shoal backends { 10.1.250.1 . 3 : 10.1.2.13 }
      "
    `);
  });
});
