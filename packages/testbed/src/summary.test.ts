import { expect, test } from 'vitest';
import { add, exitCodeOf, summaryLine, tally } from './summary.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});

test('counts tests, over several runs', () => {
  const unit = tally(
    { numPassedTests: 2, numFailedTests: 1, testResults: [file('failed', 'passed', 'passed', 'failed')] },
    1,
  );
  const cluster = tally({ numPassedTests: 3, numFailedTests: 0, testResults: [file('passed', 'passed')] }, 0);
  expect(summaryLine(add(unit, cluster))).toBe('5 passed, 1 failed');
  expect(exitCodeOf(add(unit, cluster))).toBe(1);
  expect(exitCodeOf(cluster)).toBe(0);
});

test('a file that does not load, an error outside of tests, and a crash are failures', () => {
  expect(
    tally(
      { numPassedTests: 1, numFailedTests: 0, testResults: [file('passed', 'passed'), file('failed')] },
      1,
    ),
  ).toEqual({ passed: 1, failed: 1 });
  expect(tally({ numPassedTests: 1, numFailedTests: 0, testResults: [file('passed', 'passed')] }, 1)).toEqual(
    { passed: 1, failed: 1 },
  );
  expect(tally(undefined, 137)).toEqual({ passed: 0, failed: 1 });
});

test('nothing ran: no success', () => {
  expect(exitCodeOf({ passed: 0, failed: 0 })).toBe(1);
});
