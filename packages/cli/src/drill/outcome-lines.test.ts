import { PassThrough } from 'node:stream';
import type { DrillOutcome } from '@shoal/testbed/drill';
import { expect, test } from 'vitest';
import { outcomeLines } from './outcome-lines.ts';

const outcome: DrillOutcome = {
  drill: 'host-cut',
  victim: 'h3',
  passed: false,
  figures: [
    { name: 'detected', value: 1.304, unit: 's', goal: 2, pass: true },
    { name: 'replaced', value: undefined, unit: 's', goal: 30, pass: false },
    { name: 'requests sent', value: 4856, unit: 'requests' },
    { name: 'requests lost', value: 3, unit: 'requests', goal: 0, pass: false },
  ],
  invariants: [
    { name: 'none lost', holds: true, says: '12 of 12 serve at the end' },
    { name: 'none orphaned', holds: undefined, says: 'not looked at' },
  ],
  spread: { h1: 6, h2: 6, h3: 0 },
  failures: [
    { why: 'no answer within 1000 ms', through: '10.0.0.1', count: 3, firstMs: 9_900, lastMs: 11_250 },
  ],
  moments: {
    struck: 10_000,
    detected: 11_304,
    recovered: undefined,
    replaced: undefined,
    healed: undefined,
    returned: undefined,
    balanced: undefined,
  },
};

test('a table for people, without colours where none are wanted', () => {
  expect(outcomeLines(outcome, new PassThrough())).toEqual([
    'host-cut on h3: FAILED',
    '',
    '✓  detected           1.30 s                     at most 2 s',
    '✗  replaced           not in time                at most 30 s',
    '   requests sent      4,856',
    '✗  requests lost      3                          none allowed',
    '   spread afterwards  h1 6  h2 6  h3 0',
    '✓  none lost          12 of 12 serve at the end',
    '·  none orphaned      not looked at',
    '',
    'Of the requests that were lost, the first:',
    '  3  no answer within 1000 ms  through 10.0.0.1  sent from -0.1 s to +1.3 s',
  ]);
});
