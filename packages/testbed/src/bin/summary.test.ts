import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../machine/paths.ts';
import { add, exitCodeOf, nothing, summaryLine, tally } from './summary.ts';

const file = (status: string, ...tests: string[]) => ({
  name: join(ROOT, 'some.test.ts'),
  status,
  message: 'SyntaxError: unexpected token\n  at line 1',
  assertionResults: tests.map((each, index) => ({
    status: each,
    fullName: `test ${index}`,
    failureMessages: each === 'failed' ? ['Error: expected 1 to be 2\n  at some line'] : [],
  })),
});

test('counts tests, over several runs, and says what failed and why', () => {
  const unit = tally({ numPassedTests: 2, testResults: [file('failed', 'passed', 'passed', 'failed')] }, 1);
  const cluster = tally({ numPassedTests: 3, testResults: [file('passed', 'passed')] }, 0);
  const both = add(unit, cluster);
  expect(summaryLine(both)).toBe('5 passed, 1 failed');
  expect(both.failures).toEqual(['some.test.ts > test 2: Error: expected 1 to be 2']);
  expect(exitCodeOf(both)).toBe(1);
  expect(exitCodeOf(cluster)).toBe(0);
});

test('a file that does not load, an error outside of tests, and a crash are failures', () => {
  expect(
    tally({ numPassedTests: 1, testResults: [file('passed', 'passed'), file('failed')] }, 1),
  ).toMatchObject({ passed: 1, failed: 1, failures: ['some.test.ts: SyntaxError: unexpected token'] });
  expect(tally({ numPassedTests: 1, testResults: [file('passed', 'passed')] }, 1)).toMatchObject({
    passed: 1,
    failed: 1,
  });
  expect(tally(undefined, 137)).toMatchObject({ passed: 0, failed: 1 });
});

test('nothing ran: no success', () => {
  expect(exitCodeOf(nothing)).toBe(1);
});
