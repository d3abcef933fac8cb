import { Change, Changes, Endpoint, Payload, Peer } from '@shoal/proto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anAssignment } from '../task/testing.ts';
import { Assignments } from './assignments.ts';
import { changes, gone, put } from './testing.ts';

const task = (id: string) => put('task', id, anAssignment(id));
const ids = ({ objects }: Assignments) => [...objects.task.keys()].sort();

it('follows changes that build on each other', () => {
  const assignments = new Assignments();
  expect(assignments.apply(changes({ complete: true, resultsIn: 5 }, task('a')))).toBe(true);
  expect(ids(assignments)).toEqual(['a']);
  const next = changes({ appliesTo: 5, resultsIn: 6 }, task('b'), gone('task', 'a'), gone('task', 'unknown'));
  expect(assignments.apply(next)).toBe(true);
  expect([assignments.number, ids(assignments)]).toEqual([6, ['b']]);
});

it('sees a gap, and stays as it is', () => {
  const assignments = new Assignments();
  assignments.apply(changes({ complete: true, resultsIn: 5 }, task('a')));
  expect(assignments.apply(changes({ appliesTo: 6, resultsIn: 7 }, gone('task', 'a')))).toBe(false);
  expect([assignments.number, ids(assignments)]).toEqual([5, ['a']]);
});

it('stays as it is when a message is broken', () => {
  const assignments = new Assignments();
  assignments.apply(changes({ complete: true, resultsIn: 5 }, task('a')));
  const broken = Change.encode({ kind: 'task', id: 'b', object: Buffer.from([255]) }).finish();
  const message = changes({ appliesTo: 5, resultsIn: 6 }, gone('task', 'a'), Buffer.from(broken));
  expect(() => assignments.apply(message)).toThrow();
  expect([assignments.number, ids(assignments)]).toEqual([5, ['a']]);
});

it('leaves out kinds that it is not for, and those it does not know', () => {
  const assignments = new Assignments(['task']);
  const unknown = Buffer.from(Change.encode({ kind: 'moon', id: 'm' }).finish());
  const peer = put('peer', 'n1', Peer.fromPartial({ nodeId: 'n1' }));
  assignments.apply(changes({ complete: true, resultsIn: 1 }, task('a'), peer, unknown));
  expect([ids(assignments), assignments.objects.peer.size]).toEqual([['a'], 0]);
});

/** A few objects of each of two kinds, in any of three forms. */
const anyObjects = fc.uniqueArray(
  fc.record({
    kind: fc.constantFrom('peer' as const, 'endpoint' as const),
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    form: fc.integer({ min: 1, max: 3 }),
  }),
  { selector: ({ kind, id }) => `${kind} ${id}` },
);
type Made = typeof anyObjects extends fc.Arbitrary<(infer T)[]> ? T : never;
const bytesOf = ({ kind, id, form }: Made) =>
  kind === 'peer'
    ? put(kind, id, Peer.fromPartial({ nodeId: id, number: form }))
    : put(kind, id, Endpoint.fromPartial({ taskId: id, slot: String(form) }));

it('keeps each object that comes again as it was, and the maps of kinds without news, by changes or complete sets', () => {
  fc.assert(
    fc.property(anyObjects, anyObjects, fc.boolean(), (first, second, complete) => {
      const assignments = new Assignments();
      assignments.apply(changes({ complete: true, resultsIn: 1 }, ...first.map(bytesOf)));
      const before = assignments.objects;
      const isNamed = (one: Made) => second.some(({ kind, id }) => kind === one.kind && id === one.id);
      const removed = first.filter((one) => !isNamed(one)).map(({ kind, id }) => gone(kind, id));
      assignments.apply(
        changes(
          { complete, appliesTo: 1, resultsIn: 2 },
          ...(complete ? [] : removed),
          ...second.map(bytesOf),
        ),
      );
      const fresh = new Assignments();
      fresh.apply(changes({ complete: true, resultsIn: 2 }, ...second.map(bytesOf)));
      expect(assignments.objects).toEqual(fresh.objects);
      for (const kind of ['peer', 'endpoint'] as const) {
        const now: ReadonlyMap<string, unknown> = assignments.objects[kind];
        const was: ReadonlyMap<string, unknown> = before[kind];
        const formOf = (all: readonly Made[], id: string) =>
          all.find((one) => one.kind === kind && one.id === id)?.form;
        for (const [id, object] of now)
          expect(object === was.get(id)).toBe(formOf(first, id) === formOf(second, id));
        const isSame = now.size === was.size && [...now].every(([id, object]) => was.get(id) === object);
        expect(now === was).toBe(isSame);
      }
    }),
  );
});

it('is written down without registry credentials, and all else as it is', () => {
  const assignments = new Assignments();
  const secret = anAssignment('a', 'running', { registryAuth: 'planted' });
  assignments.apply(changes({ complete: true, resultsIn: 3 }, put('task', 'a', secret), task('b')));
  const written = Changes.encode(assignments.forDisk()).finish();
  expect(Buffer.from(written).includes('planted')).toBe(false);
  const read = new Assignments();
  read.apply(Changes.decode(written));
  expect(read.objects.task.get('a')).toEqual({ ...secret, registryAuth: '' });
  expect(read.objects.task.get('b')).toEqual(assignments.objects.task.get('b'));
  // The next session brings them.
  read.apply(changes({ complete: true, resultsIn: 1 }, put('task', 'a', secret), task('b')));
  expect(read.objects.task.get('a')).toEqual(secret);
});

it('is written down without what secrets and configs hold', () => {
  const assignments = new Assignments();
  const data = Buffer.from('planted');
  const payloads = (['secret', 'config'] as const).map((kind) =>
    put(kind, 'x.1', Payload.fromPartial({ data })),
  );
  assignments.apply(changes({ complete: true, resultsIn: 3 }, task('a'), ...payloads));
  expect(assignments.objects.secret.get('x.1')?.data).toEqual(data);
  const written = Changes.encode(assignments.forDisk()).finish();
  expect(Buffer.from(written).includes('planted')).toBe(false);
  const read = new Assignments();
  read.apply(Changes.decode(written));
  expect([ids(read), read.objects.secret.size, read.objects.config.size]).toEqual([['a'], 0, 0]);
});

it('can be written down and read again', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 })), fc.nat(), (taskIds, number) => {
      const assignments = new Assignments();
      assignments.apply(changes({ complete: true, resultsIn: number }, ...taskIds.map(task)));
      const read = new Assignments();
      expect(read.apply(Changes.decode(Changes.encode(assignments.forDisk()).finish()))).toBe(true);
      expect([read.number, read.objects]).toEqual([number, assignments.objects]);
    }),
    { numRuns: 50 },
  );
});
