import { expect, test } from 'vitest';
import { measurement } from './report.ts';

test('a goal may bind the value or its ratio to a reference, from either side', () => {
  expect(measurement('deploy', 'create 12', 9, 's', { reference: 8, goal: 1.15, goalOf: 'ratio' })).toEqual({
    bench: 'deploy',
    name: 'create 12',
    value: 9,
    unit: 's',
    reference: 8,
    ratio: 1.125,
    goal: 1.15,
    pass: true,
  });
  expect(measurement('net', 'throughput', 7, 'Gbit/s', { goal: 8, better: 'higher' }).pass).toBe(false);
  expect(measurement('net', 'rss', 7, 'MB')).toEqual({ bench: 'net', name: 'rss', value: 7, unit: 'MB' });
});
