import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  agentMs,
  doubtMs,
  helperPatienceMs,
  lookMs,
  roundsToLose,
  roundsToLoseAnswering,
  suspectMs,
} from './judge.ts';
import { type Fault, type Plan, World } from './simulation.fixture.ts';

/** Of one round: the probe, or as long as a helper may take that does not answer; and what packets take. */
const roundMs = 250;
const longRoundMs = 500;
/** Between two rounds while its agent is known to be away. */
const awayRoundMs = 500;
const waysMs = 10;
/** From the moment a host answers no one: the arithmetic of docs/failover.md. */
const detectMs = suspectMs + roundsToLose * roundMs + 2 * lookMs + waysMs;

/** The grace period of isolated tasks at the end of their lease, and the time to kill them. */
const stoppingMs = 4_000;

// Thousands of runs: on a busy machine that takes a while, which says nothing about the rules.
vi.setConfig({ testTimeout: 180_000 });

const seed = fc.nat(2 ** 31);
const during = (from: number, ms: number) => ({ from, to: from + ms });

/** Faults of all kinds, up to 15 s, and now and then one that stays. */
const faults = (hosts: number): fc.Arbitrary<Fault[]> => {
  const host = fc.nat(hosts - 1);
  const time = fc
    .record({ from: fc.nat(30_000), ms: fc.nat(15_000), stays: fc.nat(5) })
    .map(({ from, ms, stays }) => during(from, stays === 0 ? Number.POSITIVE_INFINITY : ms));
  const brief = fc
    .record({ from: fc.nat(30_000), ms: fc.nat(15_000) })
    .map(({ from, ms }) => during(from, ms));
  const one = fc.oneof(
    fc.record({ kind: fc.constant('cut' as const), at: host, time }),
    fc.record({ kind: fc.constant('power' as const), at: host, time }),
    fc.record({ kind: fc.constantFrom('agentDead' as const, 'agentStall' as const), at: host, time: brief }),
    fc.record({ kind: fc.constant('mute' as const), at: host, time: brief }),
    fc.record({ kind: fc.constant('oneWay' as const), at: host, towards: host, time }),
    fc.record({ kind: fc.constantFrom('managerStall' as const, 'managerRestart' as const), time: brief }),
  );
  return fc.array(one, { maxLength: 6 }).map((all) =>
    all
      .map(({ time: { from, to }, ...fault }) => ({ ...fault, from, to }) as Fault)
      // Without power on its host there is no manager: that is its restart.
      .filter((fault) => fault.kind !== 'power' || fault.at > 0),
  );
};

const plans: fc.Arbitrary<Plan> = fc.integer({ min: 1, max: 5 }).chain((hosts) =>
  fc.record({
    hosts: fc.constant(hosts),
    faults: faults(hosts),
    loss: fc.constant(0),
    endMs: fc.constant(75_000),
    seed,
  }),
);

describe('over random faults', () => {
  it('no host is given up that answers the manager or a helper, unless its agent was away too long', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const world = new World(plan).run();
        for (const { host, at, silentMs } of world.downs) {
          if (silentMs >= agentMs) continue;
          expect(world.reach(0, host, at - 1_100, at) && world.managerWorks(at - 1_100, at)).toBe(false);
          for (let helper = 1; helper < plan.hosts; helper++) {
            if (helper === host || !world.managerWorks(at - 4_000, at)) continue;
            const able = world.agentAnswers(helper, at - 4_000, at) && world.reach(0, helper, at - 4_000, at);
            expect(able && world.reach(helper, host, at - 1_100, at)).toBe(false);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('a host that answers no one is down in the end, and one where all is well is not', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const world = new World(plan).run();
        const from = 46_000;
        if (!world.managerWorks(from, plan.endMs)) return;
        for (let host = 1; host < plan.hosts; host++) {
          const gone = plan.faults.some(
            (fault) =>
              (fault.kind === 'power' || fault.kind === 'cut') &&
              fault.at === host &&
              fault.from < from &&
              fault.to >= plan.endMs,
          );
          if (gone) expect(world.down).toContain(host);
          const well = world.reach(0, host, from, plan.endMs) && world.agentBeats(host, from, plan.endMs);
          if (well) expect(world.down).not.toContain(host);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('isolated tasks are declared dead only after their agents have surely stopped them', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const world = new World(plan).run();
        for (const { host, at, leaseUntil } of world.overs) {
          const lostPower = plan.faults.some(
            (fault) =>
              fault.kind === 'power' &&
              fault.at === host &&
              fault.from <= at &&
              fault.to >= leaseUntil - 10_000,
          );
          if (lostPower) continue;
          const worked = world.agentBeats(host, leaseUntil, leaseUntil + stoppingMs);
          if (worked) expect(at).toBeGreaterThanOrEqual(leaseUntil + stoppingMs);
          // With its agent dead or stalled at just this time it takes two faults to go wrong.
          else expect(world.reach(0, host, at - 1_100, at) && world.managerWorks(at - 1_100, at)).toBe(false);
        }
      }),
    );
  });

  it('agents that stall for 8 s at a time, a manager that stalls and lost packets take nobody down', () => {
    const plan = fc.integer({ min: 1, max: 5 }).chain((hosts) =>
      fc.record({
        hosts: fc.constant(hosts),
        faults: fc
          .record({
            agents: fc.array(
              fc.record({
                at: fc.nat(hosts - 1),
                ms: fc.integer({ min: 1, max: 8_000 }),
                awake: fc.integer({ min: 700, max: 5_000 }),
              }),
              { maxLength: 12 },
            ),
            manager: fc.array(fc.record({ ms: fc.nat(20_000), awake: fc.nat(3_000) }), { maxLength: 6 }),
          })
          .map(({ agents, manager }) => {
            const ends = Array.from({ length: hosts }, () => 0);
            const stalls = agents.map(({ at, ms, awake }): Fault => {
              const from = (ends[at] ?? 0) + awake;
              ends[at] = from + ms;
              return { kind: 'agentStall', at, ...during(from, ms) };
            });
            let end = 0;
            for (const { ms, awake } of manager) {
              stalls.push({ kind: 'managerStall', ...during(end + awake, ms) });
              end += awake + ms;
            }
            return stalls;
          }),
        loss: fc.constantFrom(0, 0.05, 0.1),
        endMs: fc.constant(60_000),
        seed,
      }),
    );
    fc.assert(
      fc.property(plan, (each) => {
        expect(new World(each).run().downs).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('hosts that answer no one from one moment on are down', () => {
  const from = 5_000;
  const dying = fc.integer({ min: 2, max: 5 }).chain((hosts) =>
    fc.record({
      hosts: fc.constant(hosts),
      dead: fc.uniqueArray(fc.integer({ min: 1, max: hosts - 1 }), { minLength: 1 }),
      kind: fc.constantFrom('power' as const, 'cut' as const),
      seed,
    }),
  );
  const after = (hosts: number, dead: readonly number[], kind: 'power' | 'cut', more: Fault[], s: number) => {
    const all = [...dead.map((at): Fault => ({ kind, at, from, to: Number.POSITIVE_INFINITY })), ...more];
    const world = new World({ hosts, faults: all, loss: 0, endMs: 30_000, seed: s }).run();
    expect(world.downs.map(({ host }) => host).sort()).toEqual(dead.toSorted());
    return world.downs.map(({ at }) => at - from);
  };

  it('after a second of silence and two rounds of probes; when more than half do, ten seconds later', () => {
    fc.assert(
      fc.property(dying, ({ hosts, dead, kind, seed }) => {
        const crowd = dead.length * 2 > hosts;
        for (const ms of after(hosts, dead, kind, [], seed)) {
          // The last beat may have come half a second before.
          expect(ms).toBeGreaterThanOrEqual((crowd ? doubtMs : 0) + suspectMs - 500);
          expect(ms).toBeLessThanOrEqual(
            (crowd ? doubtMs : 0) + detectMs + (dead.length > 1 ? longRoundMs : 0),
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  it('also when its processes die first, and its kernel answers for them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 1, max: 5_000 }),
        seed,
        (hosts, goneMs, seed) => {
          const dying: Fault = {
            kind: 'agentDead',
            at: 1,
            from: from - goneMs,
            to: Number.POSITIVE_INFINITY,
          };
          const [ms = 0] = after(hosts, [1], 'power', [dying], seed);
          const rounds = roundsToLoseAnswering * (roundMs + lookMs) + lookMs;
          expect(ms).toBeLessThanOrEqual(rounds + (goneMs <= 200 ? roundMs : awayRoundMs));
        },
      ),
    );
  });

  it('hardly later when a helper beats and never answers, as long as there are others', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 12 }), seed, (hosts, seed) => {
        const mute: Fault = { kind: 'mute', at: 1, from: 0, to: Number.POSITIVE_INFINITY };
        const [ms = 0] = after(hosts, [2], 'cut', [mute], seed);
        expect(ms).toBeLessThanOrEqual(detectMs + longRoundMs);
      }),
    );
  });

  it('also of many that die at once, and where many helpers never answer', () => {
    const every = (n: number, first: number) => Array.from({ length: 20 }, (_, index) => first + index * n);
    const mute = every(10, 3).map(
      (at): Fault => ({ kind: 'mute', at, from: 0, to: Number.POSITIVE_INFINITY }),
    );
    const all = after(201, every(10, 5), 'power', mute, 1);
    expect(Math.max(...all)).toBeLessThanOrEqual(detectMs + 2 * longRoundMs);
  });

  it('five seconds later at most when the only helper beats and never answers', () => {
    fc.assert(
      fc.property(seed, (seed) => {
        const mute: Fault = { kind: 'mute', at: 1, from: 0, to: Number.POSITIVE_INFINITY };
        const [ms = 0] = after(3, [2], 'cut', [mute], seed);
        expect(ms).toBeLessThanOrEqual(helperPatienceMs + 3 * longRoundMs);
      }),
    );
  });

  it('also when the manager is started again at that moment, counted from then', () => {
    fc.assert(
      fc.property(dying, ({ hosts, dead, kind, seed }) => {
        const restart: Fault = { kind: 'managerRestart', ...during(from, 1_000) };
        for (const ms of after(hosts, dead.slice(0, 1), kind, [restart], seed))
          expect(ms).toBeLessThanOrEqual(1_000 + detectMs + longRoundMs);
      }),
    );
  });
});
