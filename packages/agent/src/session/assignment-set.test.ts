import { Assignments, type DeepPartial } from '@shoal/proto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anAssignment } from '../task/testing.ts';
import { type AssignmentSet, applyAssignments, noAssignments, toComplete } from './assignment-set.ts';

const message = (from: DeepPartial<Assignments>) => Assignments.fromPartial(from);
const ids = (set: AssignmentSet | undefined) => set && [...set.tasks.keys()].sort();

it('follows changes that build on each other', () => {
  const first = applyAssignments(
    noAssignments,
    message({ complete: true, resultsIn: 5, put: [anAssignment('a')] }),
  );
  expect(ids(first)).toEqual(['a']);
  const second = applyAssignments(
    first ?? noAssignments,
    message({ appliesTo: 5, resultsIn: 6, put: [anAssignment('b')], remove: ['a'] }),
  );
  expect(second).toMatchObject({ number: 6 });
  expect(ids(second)).toEqual(['b']);
});

it('sees a gap', () => {
  expect(
    applyAssignments({ ...noAssignments, number: 5 }, message({ appliesTo: 6, resultsIn: 7 })),
  ).toBeUndefined();
});

it('can be written down and read again', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 })), fc.nat(), (taskIds, number) => {
      const set = { ...noAssignments, number, tasks: new Map(taskIds.map((id) => [id, anAssignment(id)])) };
      const read = Assignments.decode(Assignments.encode(toComplete(set)).finish());
      expect(applyAssignments(noAssignments, read)).toEqual(set);
    }),
    { numRuns: 50 },
  );
});
