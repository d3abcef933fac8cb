import { PassThrough } from 'node:stream';
import { DRILLS } from '@shoal/testbed/drill';
import { expect, test } from 'vitest';
import { forecastFault, forecastLines } from './forecast.ts';

test('what finds no room comes first', () => {
  const lines = forecastLines(
    {
      fault: 'host-power-loss',
      nodes: ['h3'],
      moves: [{ service: 'web', slot: 3, task: 't1', from: 'h3', to: 'h1' }],
      noRoom: [
        {
          service: 'big',
          slot: 1,
          task: 't2',
          from: 'h3',
          reason: 'no suitable node (insufficient memory on 2 nodes)',
        },
      ],
      stays: [{ service: 'log', task: 't3', from: 'h3', reason: 'returns with its node' }],
    },
    new PassThrough(),
  );
  expect(lines).toEqual([
    'host-power-loss of h3: 1 would move, 1 would find no room, 1 would not be replaced',
    '',
    'no room  big.1         h3  no suitable node (insufficient memory on 2 nodes)',
    'moves    web.3         h3  to h1',
    'stays    log (global)  h3  returns with its node',
  ]);
});

test('only drills that move tasks can be planned', () => {
  const planned = DRILLS.flatMap((drill) => {
    try {
      return [`${drill.name}: ${forecastFault(drill)}`];
    } catch {
      return [];
    }
  });
  expect(planned).toEqual([
    'host-power-loss: host-power-loss',
    'host-cut: host-power-loss',
    'daemon-kill: host-power-loss',
    'drain: drain',
  ]);
});
