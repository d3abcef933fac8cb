import { expect, it } from 'vitest';
import type { Leases, Node } from '../model/index.ts';
import { makeTables } from '../store/tables.ts';
import { aNode, aService, aTask } from '../testing.ts';
import { explain } from './explain.ts';

const now = Date.UTC(2026, 0, 1);

/** Of the task that shall replace an isolated one on a node with these leases. */
function waitsFor(leases: Leases): string | null {
  const tables = makeTables();
  const gone = aNode('n1');
  const down: Node = {
    ...gone,
    judged: { state: 'down', leases },
  };
  for (const node of [down, aNode('n2')]) tables.nodes.put(node);
  tables.services.put(aService('web'));
  const isolated = { specVersion: 1, ports: [], isolated: true } as const;
  const old = aTask('old', {
    NodeID: 'n1',
    DesiredState: 'shutdown',
    Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'running' },
    shoal: isolated,
  });
  const next = aTask('next', {
    NodeID: 'n2',
    DesiredState: 'ready',
    Status: { Timestamp: '2026-01-01T00:00:00.000Z', State: 'ready' },
    shoal: { ...isolated, stopFirst: true },
  });
  for (const task of [old, next]) tables.tasks.put(task);
  return explain(tables, next, now).waitsFor;
}

it('says that what must run only once may run still, and what to do about it', () => {
  expect(waitsFor('running')).toMatch(
    /^task old to stop; it may run on .* still: for at least 15 s after the last word/,
  );
  expect(waitsFor('unsure')).toMatch(
    /answers without its agent: see to the agent, or .*docker node rm --force/,
  );
});

it('waits for nobody else once it is over', () => {
  expect(waitsFor('over')).toBe('task next, which is ready');
});

it('names the service that it depends on', () => {
  const tables = makeTables();
  tables.nodes.put(aNode('n1'));
  const { Spec } = aService('web');
  tables.services.put(aService('web', { Spec: { ...Spec, Labels: { 'shoal.depends-on': 'db:started' } } }));
  const task = aTask('t', { DesiredState: 'ready', Status: { State: 'pending' } });
  tables.tasks.put(task);
  expect(explain(tables, task, now)).toMatchObject({
    pending: true,
    waitsFor: 'task t: depends on service db, which is not there',
  });
});
