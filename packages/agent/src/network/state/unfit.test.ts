import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { NetworkState } from './state.ts';
import { anyState } from './states.fixture.ts';
import { withoutUnfit } from './unfit.ts';

const taskIds = ['s1-1', 's1-2', 's1-3', 's2-1', 's2-4', 's3-2', 's4-5', 's6-3'];
const anyUnfit = fc.uniqueArray(fc.constantFrom(...taskIds)).map((ids) => new Set(ids));
const endpointsOf = ({ services }: NetworkState) =>
  [...services.values()].flatMap(({ endpoints }) => endpoints);

it('takes away exactly the own endpoints that are unfit', () => {
  fc.assert(
    fc.property(anyState, anyUnfit, (state, unfit) => {
      const left = endpointsOf(withoutUnfit(state, unfit));
      const expected = endpointsOf(state).filter(
        ({ nodeId, taskId }) => nodeId !== state.self.nodeId || !unfit.has(taskId),
      );
      expect(left).toEqual(expected);
    }),
  );
});

it('adds nothing that the manager did not name, whatever was there before', () => {
  fc.assert(
    fc.property(anyState, anyState, anyUnfit, anyUnfit, (before, now, unfitBefore, unfit) => {
      withoutUnfit(before, unfitBefore);
      const named = new Set(endpointsOf(now));
      expect(endpointsOf(withoutUnfit(now, unfit)).every((endpoint) => named.has(endpoint))).toBe(true);
    }),
  );
});

it('gives back what is fit again, and says nothing twice', () => {
  fc.assert(
    fc.property(anyState, anyUnfit, (state, unfit) => {
      const once = withoutUnfit(state, unfit);
      expect(withoutUnfit(once, unfit)).toBe(once);
      expect(withoutUnfit(state, new Set())).toBe(state);
    }),
  );
});

it('keeps the objects of all services that it does not change', () => {
  fc.assert(
    fc.property(anyState, anyUnfit, (state, unfit) => {
      const result = withoutUnfit(state, unfit);
      expect(result).toMatchObject({ self: state.self, peers: state.peers, networks: state.networks });
      expect([...result.services.keys()]).toEqual([...state.services.keys()]);
      for (const [id, service] of result.services) {
        const known = state.services.get(id);
        if (service.endpoints.length === known?.endpoints.length) expect(service).toBe(known);
        else expect({ ...service, endpoints: [] }).toEqual({ ...known, endpoints: [] });
      }
    }),
  );
});
