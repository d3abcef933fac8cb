import { expect, it } from 'vitest';
import type { Service, Wait } from '../model/index.ts';
import { aNode, aService } from '../testing.ts';
import {
  decide,
  ended,
  epochMs,
  globalTask,
  nodesOf,
  secondVersion,
  type TaskParts,
  task,
} from './testing.ts';

const web = aService('web');
const alone = aService('web', { Spec: { ...web.Spec, UpdateConfig: { Order: 'stop-first' } } });
const everywhere = aService('web', { Spec: { ...web.Spec, Mode: { Global: {} } } });
const paused = aService('web', {
  ...secondVersion(),
  UpdateStatus: { State: 'paused', Message: 'update paused due to failure' },
});
const noRoom: TaskParts = {
  node: '',
  change: { Status: { State: 'pending', Err: 'no room' } },
};
const ready = { DesiredState: 'ready' } as const;
const n1 = (change: Parameters<typeof aNode>[1]) => nodesOf(aNode('n1', change), aNode('n2'), aNode('n3'));
const drained = n1({ Spec: { Availability: 'drain' } });
const away = n1({ Spec: { Availability: 'pause' } });
const told = ({ about, why, until }: Wait): string =>
  `${about.kind} ${about.id} waits for ${why}${until === undefined ? '' : `, until ${until - epochMs}`}`;

/** Decided 60,000 ms after the epoch. */
it.each<[string, Parameters<typeof decide>[0] & { service?: Service }]>([
  ['task a waits for task a, which is preparing', { tasks: [task('a', { state: 'preparing' })] }],
  ['task a waits for task a: no suitable node (no room)', { tasks: [task('a', noRoom)] }],
  [
    'task a waits for task a to run after 2 that ended early, until 63000',
    {
      tasks: [
        task('a', { state: 'ready', change: ready, shoal: { failures: 2, startAfter: epochMs + 63_000 } }),
      ],
    },
  ],
  [
    'slot slot:1 waits for the next task, after 1 that ended early, until 63000',
    { tasks: [ended('a', { state: 'rejected', since: 58_000, created: 57_000 })] },
  ],
  [
    'task b waits for task a to stop',
    {
      service: alone,
      tasks: [
        task('b', { node: 'n2', state: 'ready', created: 5_000, change: ready }),
        task('a', { change: { DesiredState: 'shutdown' } }),
      ],
    },
  ],
  [
    'task a waits for task b to take over, until 89000',
    { nodes: drained, tasks: [task('a'), task('b', { node: 'n2', state: 'starting', created: 59_000 })] },
  ],
  [
    'task a waits for task b to take over, until 659000',
    {
      tasks: [
        task('a'),
        task('b', { node: 'n2', state: 'starting', created: 59_000, shoal: { moves: 'a' } }),
      ],
    },
  ],
  [
    'task a waits for word that task a came back with its node, until 65000',
    {
      tasks: [
        task('a', { shoal: { returnedAt: epochMs + 55_000, runningSince: epochMs } }),
        task('b', { node: 'n2', state: 'starting', created: 50_000 }),
      ],
    },
  ],
  [
    'slot slot:1 waits for the next update: update paused due to failure',
    { service: paused, tasks: [task('a')] },
  ],
  [
    'slot node:n1 waits for node n1, which is paused or not ready',
    { service: everywhere, nodes: away, tasks: [globalTask('b', 'n2'), globalTask('c', 'n3')] },
  ],
  [
    'task a waits for task a, which gets no traffic: unhealthy container',
    {
      tasks: [
        task('a', {
          change: { Status: { State: 'running', Err: 'unhealthy container', Timestamp: '' } },
        }),
      ],
    },
  ],
])('%s', (words, parts) => {
  expect(decide(parts).waits.map(told)).toContain(words);
});

it('nothing waits where all is as it should be', () => {
  expect(decide({ tasks: [task('a')] })).toEqual({
    create: [],
    update: [],
    remove: [],
    removeService: false,
    waits: [],
    wakeAt: undefined,
  });
});
