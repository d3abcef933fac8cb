import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aTask } from '../testing.ts';
import { Disk, type Fate } from './backends/unreliable.fixture.ts';
import { NotLeadingError, NotWrittenError, type Tx } from './index.ts';
import { TestStore } from './testing.ts';

const always = (fate: Fate) => () => fate;
const create = (id: string) => (tx: Tx) => tx.tasks.create(aTask(id));

describe('updates asked for together', () => {
  it('share commits; each is a transaction that sees those before it', async () => {
    const disk = new Disk();
    const store = await TestStore.open(disk.open(always('done')), Date.now);
    const revisions: number[] = [];
    store.watch(({ revision, changes }) => {
      expect(changes).toHaveLength(1);
      revisions.push(revision);
    });
    await store.update(create('a'));
    await Promise.all(
      Array.from({ length: 100 }, () =>
        store.update((tx) => {
          const task = tx.tasks.get('a');
          if (task) tx.tasks.update({ ...task, Slot: (task.Slot ?? 0) + 1 });
        }),
      ),
    );
    expect(store.view.tasks.get('a')?.Slot).toBe(101);
    expect(revisions).toEqual(Array.from({ length: 101 }, (_, index) => index + 1));
    expect(disk.commits).toBe(2);
  });

  it('see removals and new ones of each other, in every index', async () => {
    const store = await TestStore.open(new Disk().open(always('done')), Date.now);
    await store.update((tx) => tx.tasks.create(aTask('a', { NodeID: 'n1' })));
    const seen = (tx: Tx) => [tx.tasks.size, tx.tasks.by('node', 'n1').map(({ ID }) => ID)];
    const results = await Promise.all([
      store.update((tx) => tx.tasks.remove('a')),
      store.update(seen),
      store.update((tx) => tx.tasks.create(aTask('a', { NodeID: 'n1' }))),
      store.update((tx) => tx.tasks.create(aTask('b', { NodeID: 'n1' }))),
      store.update(seen),
    ]);
    expect([results[1], results[4]]).toEqual([
      [0, []],
      [2, ['a', 'b']],
    ]);
  });

  it('go on when one of them throws, and it changes nothing', async () => {
    const store = await TestStore.open(new Disk().open(always('done')), Date.now);
    const [, bad, last] = await Promise.allSettled([
      store.update(create('a')),
      store.update((tx) => {
        create('b')(tx);
        throw new Error('no');
      }),
      store.update((tx) => tx.tasks.size),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: new Error('no') });
    expect(last).toEqual({ status: 'fulfilled', value: 1 });
    expect([store.revision, store.view.tasks.size]).toEqual([1, 1]);
  });

  it('all fail when their commit fails, even those that only looked: what they saw is not so', async () => {
    const store = await TestStore.open(new Disk().open(always('refused')), Date.now);
    const results = await Promise.allSettled([
      store.update(create('a')),
      store.update((tx) => tx.tasks.size),
      store.update(create('a')),
    ]);
    for (const result of results) expect(result).toMatchObject({ reason: expect.any(NotWrittenError) });
    expect([store.revision, store.view.tasks.size]).toEqual([0, 0]);
  });

  it('begin with what is visible where that is asked for', async () => {
    const store = await TestStore.open(new Disk().open(always('done')), Date.now);
    const sizes = Array.from({ length: 9 }, (_, n) =>
      n % 3 === 1
        ? store.updateOnView((tx) => expect(tx.tasks.size).toBe(store.view.tasks.size))
        : store.update(create(String(n))),
    );
    await Promise.all(sizes);
    expect(store.view.tasks.size).toBe(6);
  });
});

const fates = fc.array(
  fc.constantFrom<Fate>(
    'done',
    'done',
    'done',
    'refused',
    'fenced',
    'lost, written',
    'lost, not written',
    'breaks',
  ),
  { minLength: 1, maxLength: 30 },
);
/** Updates asked for in one moment; a negative one leads anew elsewhere first. */
const moments = fc.array(fc.integer({ min: -1, max: 6 }), { minLength: 1, maxLength: 20 });

it('whatever a backend answers: what was acknowledged is kept, nothing is written or seen that should not be', async () => {
  await fc.assert(
    fc.asyncProperty(fates, moments, async (script, history) => {
      const disk = new Disk();
      let commits = 0;
      const fate = () => script[commits++ % script.length] ?? 'done';
      const acknowledged = new Set<string>();
      const unchanged = new Set<string>();
      const asked: Promise<void>[] = [];
      let store = await lead();
      let next = 0;

      async function lead(): Promise<TestStore> {
        const leading = await TestStore.open(disk.open(fate), Date.now);
        let seen = leading.revision;
        leading.watch(({ revision }) => {
          expect(revision).toBe(++seen);
          expect(disk.revision).toBeGreaterThanOrEqual(revision);
        });
        return leading;
      }
      const ask = (id: string) =>
        store.update(create(id)).then(
          () => void acknowledged.add(id),
          (error) => {
            expect(error instanceof NotLeadingError || error instanceof NotWrittenError).toBe(true);
            if (error.message.includes('nothing was changed')) unchanged.add(id);
          },
        );

      for (const moment of history) {
        // The old one is not told: its next commit is fenced.
        if (moment < 0) store = await lead();
        for (let n = 0; n < moment; n++) asked.push(ask(String(next++)));
        await turn();
        for (const { ID } of store.view.tasks.all()) expect(disk.objects.has(`tasks/${ID}`)).toBe(true);
        const lost = await Promise.race([store.ended, turn('leading')]);
        if (lost !== 'leading') {
          await expect(store.update(create('never'))).rejects.toThrow(NotLeadingError);
          store = await lead();
        }
      }
      await Promise.all(asked);
      const { view } = await lead();
      for (const id of acknowledged) expect(view.tasks.get(id)).toBeDefined();
      for (const id of unchanged) expect(view.tasks.get(id)).toBeUndefined();
      expect(view.tasks.get('never')).toBeUndefined();
      expect(disk.late).toBe(0);
    }),
    { numRuns: 300 },
  );
});
