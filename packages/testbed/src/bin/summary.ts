import { relative } from 'node:path';
import { ROOT } from '../machine/index.ts';

/** The parts of vitest's JSON report that we count. */
export interface VitestReport {
  numPassedTests: number;
  testResults: FileReport[];
}

interface FileReport {
  name: string;
  status: string;
  /** Why the file could not be loaded. */
  message?: string;
  assertionResults: { status: string; fullName: string; failureMessages?: string[] }[];
}

export interface Tally {
  passed: number;
  failed: number;
  /** What failed and why, a line each. */
  failures: readonly string[];
}

export const nothing: Tally = { passed: 0, failed: 0, failures: [] };

/**
 * The outcome of a run of vitest. A file that can't be loaded, an error outside of all tests (which only the exit code shows) and
 * a missing report count as one failure each.
 */
export function tally(report: VitestReport | undefined, exitCode: number): Tally {
  if (!report) return failure('the tests ended before they could say what failed');
  const failures = report.testResults.flatMap(failuresOf);
  if (failures.length === 0 && exitCode !== 0)
    failures.push('an error outside of the tests: see what was printed above');
  return { passed: report.numPassedTests, failed: failures.length, failures };
}

export function failure(reason: string): Tally {
  return { passed: 0, failed: 1, failures: [reason] };
}

function failuresOf({ name: path, status, message, assertionResults }: FileReport): string[] {
  const name = relative(ROOT, path);
  const failed = assertionResults.filter((each) => each.status === 'failed');
  if (status === 'failed' && failed.length === 0) return [`${name}: ${firstLine(message)}`];
  return failed.map((each) => `${name} > ${each.fullName}: ${firstLine(each.failureMessages?.[0])}`);
}

const firstLine = (text = '') => text.split('\n', 1).join();

export function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    failures: [...a.failures, ...b.failures],
  };
}

export function summaryLine({ passed, failed }: Tally): string {
  return `${passed} passed, ${failed} failed`;
}

/** A run in which nothing ran is no success. */
export function exitCodeOf({ passed, failed }: Tally): number {
  return failed > 0 || passed === 0 ? 1 : 0;
}
