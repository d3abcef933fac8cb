import { timingFor } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Fault } from './faults.fixture.ts';
import { lookMs, roundsToLose, roundsToLoseAnswering } from './judge.ts';
import { type Plan, World } from './simulation.fixture.ts';
import { roundMs } from './watches.ts';

/** Of one round when a helper does not answer; and what packets take. */
const longRoundMs = 500;
/** Between two rounds while its agent is known to be away. */
const awayRoundMs = 500;
const waysMs = 10;

/** The grace period of isolated tasks at the end of their lease, and the time to kill them. */
const stoppingMs = 4_000;

// Thousands of runs: on a busy machine that takes a while, which says nothing about the rules.
vi.setConfig({ testTimeout: 180_000 });

const seed = fc.nat(2 ** 31);
const during = (from: number, ms: number) => ({ from, to: from + ms });

/** Faults of all kinds, up to 15 s (of a small cluster), and now and then one that stays. */
const faults = (hosts: number, stretch: number): fc.Arbitrary<Fault[]> => {
  const host = fc.nat(hosts - 1);
  const brief = fc
    .record({ from: fc.nat(30_000 * stretch), ms: fc.nat(15_000 * stretch) })
    .map(({ from, ms }) => during(from, ms));
  const time = fc
    .record({ brief, stays: fc.nat(5) })
    .map(({ brief: { from, to }, stays }) => ({ from, to: stays === 0 ? Number.POSITIVE_INFINITY : to }));
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

/** Each with a few hosts that beat as in a cluster of so many: what is rare among thousands is frequent here. */
const sizes = [
  { nodes: 3, numRuns: 300 },
  { nodes: 5_000, numRuns: 60 },
];

describe.each(sizes)('as one of $nodes nodes', ({ nodes, numRuns }) => {
  const timing = timingFor(nodes);
  const stretch = timing.beatMs / timingFor(1).beatMs;
  /** From the moment a host answers no one: the arithmetic of docs/failover.md. */
  const detectMs = timing.suspectMs + roundsToLose * roundMs + 2 * lookMs + waysMs;

  const plans: fc.Arbitrary<Plan> = fc.integer({ min: 1, max: 5 }).chain((hosts) =>
    fc.record({
      hosts: fc.constant(hosts),
      nodes: fc.constant(nodes),
      faults: faults(hosts, stretch),
      loss: fc.constant(0),
      endMs: fc.constant(75_000 * stretch),
      seed,
    }),
  );

  describe('over random faults', () => {
    it('no host is given up that answers, one that answers no one is, and its isolated tasks not before they are dead', () => {
      fc.assert(
        fc.property(plans, (plan) => {
          const world = new World(plan).run();
          noneGivenUpThatAnswers(world, timing.agentMs, stretch);
          goneInTheEnd(world, stretch);
          deadBeforeReplaced(world, timing.leaseMs);
        }),
        { numRuns },
      );
    });

    it('agents that stall for half of their time, a manager that stalls and lost packets take nobody down', () => {
      const plan = fc.integer({ min: 1, max: 5 }).chain((hosts) =>
        fc.record({
          hosts: fc.constant(hosts),
          nodes: fc.constant(nodes),
          faults: stalls(hosts, stretch),
          loss: fc.constantFrom(0, 0.05, 0.1),
          endMs: fc.constant(60_000 * stretch),
          seed,
        }),
      );
      fc.assert(
        fc.property(plan, (each) => {
          expect(new World(each).run().downs).toEqual([]);
        }),
        { numRuns },
      );
    });
  });

  it('agents that were all away while their hosts answered come back one after another, and none is given up', () => {
    const from = 5_000 * stretch;
    // All but the first ones after the time that one alone would get; before all would be given up.
    const backMs = fc.integer({ min: timing.agentMs - 1_000, max: timing.agentMs + timing.doubtMs - 4_000 });
    const plan = fc.array(backMs, { minLength: 3, maxLength: 9 }).chain((all) =>
      fc.record({
        hosts: fc.constant(all.length),
        nodes: fc.constant(nodes),
        faults: fc.constant(
          all.map((ms, at): Fault => ({ kind: 'agentDead', at, ...during(from, ms - timing.beatMs) })),
        ),
        loss: fc.constant(0),
        endMs: fc.constant(75_000 * stretch),
        seed,
      }),
    );
    fc.assert(
      fc.property(plan, (each) => {
        expect(new World(each).run().downs).toEqual([]);
      }),
      { numRuns: numRuns / 3 },
    );
  });

  describe('hosts that answer no one from one moment on are down', () => {
    const from = 5_000 * stretch;
    const dying = fc.integer({ min: 2, max: 5 }).chain((hosts) =>
      fc.record({
        hosts: fc.constant(hosts),
        dead: fc.uniqueArray(fc.integer({ min: 1, max: hosts - 1 }), { minLength: 1 }),
        kind: fc.constantFrom('power' as const, 'cut' as const),
        seed,
      }),
    );
    const after = (
      hosts: number,
      dead: readonly number[],
      kind: 'power' | 'cut',
      more: Fault[],
      s: number,
    ) => {
      const all = [...dead.map((at): Fault => ({ kind, at, from, to: Number.POSITIVE_INFINITY })), ...more];
      const endMs = 30_000 * stretch;
      const world = new World({ hosts, nodes, faults: all, loss: 0, endMs, seed: s }).run();
      expect(world.downs.map(({ host }) => host).sort()).toEqual(dead.toSorted());
      return world.downs.map(({ at }) => at - from);
    };

    it('after two beats’ time of silence and two rounds of probes; when more than half do, much later', () => {
      fc.assert(
        fc.property(dying, ({ hosts, dead, kind, seed }) => {
          const doubtMs = dead.length * 2 > hosts ? timing.doubtMs : 0;
          for (const ms of after(hosts, dead, kind, [], seed)) {
            // The last beat may have come just before, or be about to come.
            expect(ms).toBeGreaterThanOrEqual(doubtMs + timing.suspectMs - timing.beatMs);
            expect(ms).toBeLessThanOrEqual(doubtMs + detectMs + (dead.length > 1 ? longRoundMs : 0));
          }
        }),
        { numRuns },
      );
    });

    it('also when its processes die first, and its kernel answers for them', () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 2, max: 5 }),
          fc.integer({ min: 1, max: 5_000 * stretch }),
          seed,
          (hosts, goneMs, seed) => {
            const dying: Fault = {
              kind: 'agentDead',
              at: 1,
              from: from - goneMs,
              to: Number.POSITIVE_INFINITY,
            };
            const [ms = 0] = after(hosts, [1], 'power', [dying], seed);
            const rounds =
              roundsToLoseAnswering * (roundMs + lookMs) +
              lookMs +
              (goneMs <= 200 * stretch ? roundMs : awayRoundMs);
            expect(ms).toBeLessThanOrEqual(Math.max(rounds, timing.suspectMs - goneMs + roundMs));
          },
        ),
        { numRuns: numRuns / 3 },
      );
    });

    it('hardly later when a helper beats and never answers, as long as there are others', () => {
      fc.assert(
        fc.property(fc.integer({ min: 4, max: 12 }), seed, (hosts, seed) => {
          const mute: Fault = { kind: 'mute', at: 1, from: 0, to: Number.POSITIVE_INFINITY };
          const [ms = 0] = after(hosts, [2], 'cut', [mute], seed);
          expect(ms).toBeLessThanOrEqual(detectMs + longRoundMs);
        }),
        { numRuns: numRuns / 3 },
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

    it('some beats later at most when the only helper beats and never answers', () => {
      fc.assert(
        fc.property(seed, (seed) => {
          const mute: Fault = { kind: 'mute', at: 1, from: 0, to: Number.POSITIVE_INFINITY };
          const [ms = 0] = after(3, [2], 'cut', [mute], seed);
          expect(ms).toBeLessThanOrEqual(timing.helperPatienceMs + 3 * longRoundMs);
        }),
        { numRuns: numRuns / 3 },
      );
    });

    it('also when the manager is started again at that moment, counted from then', () => {
      fc.assert(
        fc.property(dying, ({ hosts, dead, kind, seed }) => {
          const restart: Fault = { kind: 'managerRestart', ...during(from, 1_000) };
          for (const ms of after(hosts, dead.slice(0, 1), kind, [restart], seed))
            expect(ms).toBeLessThanOrEqual(1_000 + detectMs + longRoundMs);
        }),
        { numRuns: numRuns / 3 },
      );
    });
  });
});

describe('while the cluster grows, or shrinks', () => {
  const at = 20_000;
  const change = fc.constantFrom({ before: 3, after: 3_000 }, { before: 3_000, after: 3 });
  const planOf = ({ before, after }: { before: number; after: number }, seed: number) => ({
    hosts: 3,
    nodes: before,
    sizes: [{ from: at, nodes: after }],
    loss: 0,
    seed,
  });

  it('nobody is judged by shorter beats than it keeps: agents that stall then, and lost packets, take nobody down', () => {
    const { agentMs } = timingFor(3);
    const longest = timingFor(3_000).agentMs / 2;
    const stall = fc.record({
      before: fc.integer({ min: 1, max: longest }),
      ms: fc.integer({ min: 1, max: longest }),
    });
    fc.assert(
      fc.property(change, stall, fc.constantFrom(0, 0.1), seed, (change, { before, ms }, loss, seed) => {
        const from = at - Math.min(before, ms);
        // An agent that was told nothing else keeps what it knew: of a small cluster, half of what is allowed there.
        const mostMs = change.before === 3 ? agentMs / 2 : longest;
        const stalled: Fault = { kind: 'agentStall', at: 1, from, to: from + Math.min(ms, mostMs) };
        const plan: Plan = { ...planOf(change, seed), faults: [stalled], loss, endMs: at + 60_000 };
        expect(new World(plan).run().downs).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('leases end before what was leased is replaced, whoever is cut off then, or starts again', () => {
    const around = (before: number, after: number) =>
      fc
        .record({
          from: fc.integer({ min: at - before, max: at + after }),
          ms: fc.integer({ min: 1, max: 3_000 }),
        })
        .map(({ from, ms }) => during(from, ms));
    const disturbance: fc.Arbitrary<Fault> = fc.oneof(
      around(3_000, 20_000).map((time) => ({ kind: 'managerRestart' as const, ...time })),
      around(3_000, 3_000).map((time) => ({ kind: 'agentDead' as const, at: 1, ...time })),
      around(3_000, 3_000).map((time) => ({ kind: 'cut' as const, at: 1, ...time })),
    );
    const cutFrom = fc.integer({ min: at - 1_000, max: at + 25_000 });
    fc.assert(
      fc.property(
        change,
        fc.array(disturbance, { maxLength: 2 }),
        cutFrom,
        seed,
        (change, others, from, seed) => {
          const cut: Fault = { kind: 'cut', at: 1, from, to: Number.POSITIVE_INFINITY };
          const plan: Plan = { ...planOf(change, seed), faults: [...others, cut], endMs: at + 110_000 };
          const world = new World(plan).run();
          deadBeforeReplaced(world, timingFor(3_000).leaseMs);
          expect(world.overs.map(({ host }) => host)).toContain(1);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe.each([1_000, 5_000])('among %i hosts', (hosts) => {
  const { beatMs, suspectMs } = timingFor(hosts);
  const dead = Array.from({ length: 50 }, (_, n) => 7 + n * 19);
  const stalling = Array.from({ length: 100 }, (_, n) => 3 + n * 9).filter((at) => !dead.includes(at));

  it('fifty that die together are down in time, and nobody else, whatever stalls and is lost meanwhile', () => {
    const from = beatMs + 1_000;
    const plan: Plan = {
      hosts,
      faults: [
        ...dead.map((at): Fault => ({ kind: 'power', at, from, to: Number.POSITIVE_INFINITY })),
        ...stalling.map((at, n): Fault => ({ kind: 'agentStall', at, ...during(n * 40, 8_000) })),
        { kind: 'managerStall', ...during(beatMs / 2, 1_000) },
      ],
      loss: 0.01,
      endMs: from + suspectMs + 2_000,
      seed: hosts,
    };
    const { downs } = new World(plan).run();
    expect(downs.map(({ host }) => host).sort((a, b) => a - b)).toEqual(dead);
    for (const { at } of downs)
      expect(at - from).toBeLessThanOrEqual(suspectMs + 3 * longRoundMs + 2 * lookMs + waysMs);
  });

  it('none is given up before the manager has doubted itself, when it is the one that is cut off', () => {
    const from = 2 * beatMs;
    // Fewer hosts than there would be: all of them are in doubt, and each look judges them all.
    const cut: Fault = { kind: 'cut', at: 0, ...during(from, suspectMs + 4_000) };
    const world = new World({
      hosts: 500,
      nodes: hosts,
      faults: [cut],
      loss: 0,
      endMs: cut.to + 3_000,
      seed: hosts,
    }).run();
    expect(world.downs).toEqual([]);
  });
});

function stalls(hosts: number, stretch: number): fc.Arbitrary<Fault[]> {
  return fc
    .record({
      agents: fc.array(
        fc.record({
          at: fc.nat(hosts - 1),
          ms: fc.integer({ min: 1, max: 8_000 * stretch }),
          awake: fc.integer({ min: 700 * stretch, max: 5_000 * stretch }),
        }),
        { maxLength: 12 },
      ),
      manager: fc.array(fc.record({ ms: fc.nat(20_000 * stretch), awake: fc.nat(3_000 * stretch) }), {
        maxLength: 6,
      }),
    })
    .map(({ agents, manager }) => {
      const ends = Array.from({ length: hosts }, () => 0);
      const all = agents.map(({ at, ms, awake }): Fault => {
        const from = (ends[at] ?? 0) + awake;
        ends[at] = from + ms;
        return { kind: 'agentStall', at, ...during(from, ms) };
      });
      let end = 0;
      for (const { ms, awake } of manager) {
        all.push({ kind: 'managerStall', ...during(end + awake, ms) });
        end += awake + ms;
      }
      return all;
    });
}

/** Unless its agent was away for too long, by the manager or by a helper that was there to ask. */
function noneGivenUpThatAnswers(world: World, agentMs: number, stretch: number): void {
  for (const { host, at, silentMs } of world.downs) {
    if (silentMs >= agentMs) continue;
    expect(world.faults.reach(0, host, at - 1_100, at) && world.faults.managerWorks(at - 1_100, at)).toBe(
      false,
    );
    const from = at - 4_000 * stretch;
    for (let helper = 1; helper < world.plan.hosts; helper++) {
      if (helper === host || !world.faults.managerWorks(from, at)) continue;
      const able = world.faults.agentAnswers(helper, from, at) && world.faults.reach(0, helper, from, at);
      expect(able && world.faults.reach(helper, host, at - 1_100, at)).toBe(false);
    }
  }
}

function goneInTheEnd(world: World, stretch: number): void {
  const { hosts, faults, endMs } = world.plan;
  const from = 46_000 * stretch;
  if (!world.faults.managerWorks(from, endMs)) return;
  for (let host = 1; host < hosts; host++) {
    const gone = faults.some(
      (fault) =>
        (fault.kind === 'power' || fault.kind === 'cut') &&
        fault.at === host &&
        fault.from < from &&
        fault.to >= endMs,
    );
    if (gone) expect(world.down).toContain(host);
    const well = world.faults.reach(0, host, from, endMs) && world.faults.agentBeats(host, from, endMs);
    if (well) expect(world.down).not.toContain(host);
  }
}

/** Isolated tasks are declared dead only after their agents have surely stopped them. */
function deadBeforeReplaced(world: World, leaseMs: number): void {
  for (const { host, at, leaseUntil } of world.overs) {
    const lostPower = world.plan.faults.some(
      (fault) =>
        fault.kind === 'power' && fault.at === host && fault.from <= at && fault.to >= leaseUntil - leaseMs,
    );
    if (lostPower) continue;
    const worked = world.faults.agentBeats(host, leaseUntil, leaseUntil + stoppingMs);
    if (worked) expect(at).toBeGreaterThanOrEqual(leaseUntil + stoppingMs);
    // With its agent dead or stalled at just this time it takes two faults to go wrong.
    else
      expect(world.faults.reach(0, host, at - 1_100, at) && world.faults.managerWorks(at - 1_100, at)).toBe(
        false,
      );
  }
}
