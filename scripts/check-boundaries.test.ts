import { expect, test } from 'vitest';
import { circles, importsOf, roomCircles, trespass, violations } from './check-boundaries.ts';

test('finds every kind of import with its line, and none in comments', () => {
  const source = [
    "import a from 'a';",
    '/* import x from "x"; */',
    "// import y from 'y';",
    'import {',
    '  b,',
    "} from 'b';",
    "export * from './c.ts';",
    "import 'd';",
    "const e = await import('e');",
    'const text = "imported from \'nowhere\'";',
    "import type { F } from 'f';",
  ].join('\n');
  expect(importsOf(source).map(({ line, specifier }) => `${line} ${specifier}`)).toEqual([
    '1 a',
    '6 b',
    '7 ./c.ts',
    '8 d',
    '9 e',
    '11 f',
  ]);
});

const broken = (file: string, specifier: string) =>
  violations(file, `import x from '${specifier}';`).length > 0;

test('core rooms do no I/O, except in the backends of the store', () => {
  expect(broken('packages/manager/src/scheduler/plan.ts', 'node:fs')).toBe(true);
  expect(broken('packages/manager/src/scheduler/plan.ts', 'node:fs/promises')).toBe(true);
  expect(broken('packages/manager/src/services/loop.ts', '@fastify/swagger')).toBe(true);
  expect(broken('packages/manager/src/store/store.ts', 'node:sqlite')).toBe(true);
  expect(broken('packages/manager/src/store/backends/sqlite.ts', 'node:sqlite')).toBe(false);
  expect(broken('packages/manager/src/scheduler/plan.ts', '../model/index.ts')).toBe(false);
  expect(broken('packages/manager/src/scheduler/plan.test.ts', 'node:fs')).toBe(false);
  expect(broken('packages/manager/src/model/task.ts', '../store/index.ts')).toBe(true);
  expect(broken('packages/manager/src/model/task.ts', '@shoal/proto')).toBe(true);
  expect(broken('packages/manager/src/model/task.ts', '@shoal/proto/rules')).toBe(false);
});

test('manager and agent know each other only by the protocol', () => {
  expect(broken('packages/manager/src/main.ts', '@shoal/agent')).toBe(true);
  expect(broken('packages/agent/src/main.ts', '../../manager/src/loop.ts')).toBe(true);
  expect(broken('packages/agent/src/session/a.test.ts', '../../../manager/src/loop.ts')).toBe(true);
  expect(broken('packages/agent/src/main.ts', '@shoal/proto')).toBe(false);
});

test('only one room of the agent talks to Docker; only the protocol package imports generated code', () => {
  expect(broken('packages/agent/src/task/controller.ts', 'dockerode')).toBe(true);
  expect(broken('packages/agent/src/docker/client.ts', 'dockerode')).toBe(false);
  expect(broken('packages/agent/src/task/controller.ts', '@shoal/proto/src/gen/a.ts')).toBe(true);
  expect(broken('packages/proto/src/index.ts', './gen/a.ts')).toBe(false);
});

test('rooms import each other as the graph has it, and through their index', () => {
  const file = 'packages/manager/src/moves/rebalance.ts';
  expect(trespass(file, '../services/index.ts')).toBeUndefined();
  expect(trespass(file, '../services/presence.ts')).toMatch(/through its index/);
  expect(trespass(file, '../api/index.ts')).toMatch(/may not import api/);
  expect(trespass('packages/manager/src/moves/rebalance.test.ts', '../api/app.ts')).toBeUndefined();
  expect(trespass('packages/manager/src/nowhere/a.ts', '../model/index.ts')).toMatch(/does not say/);
});

test('a room knows the files of the room it is part of, and enters all others through their index', () => {
  const file = 'packages/agent/src/network/ip/keeper.ts';
  expect(trespass(file, '../kernel/index.ts')).toBeUndefined();
  expect(trespass(file, '../kernel/run.ts')).toMatch(/through its index/);
  expect(trespass('packages/agent/src/network/datapath.ts', './ip/keeper.ts')).toMatch(/through its index/);
  expect(trespass('packages/manager/src/store/backends/sqlite.ts', '../store.ts')).toBeUndefined();
});

test('finds rooms that import each other, except a part and its whole', () => {
  const rooms = { '.': ['a', 'b'], a: ['.', 'b'], b: ['a'], 'b/c': ['b'] };
  expect(roomCircles(rooms)).toEqual([['a', 'b', 'a']]);
  expect(roomCircles({ ...rooms, b: ['b/c'] })).toEqual([]);
});

test('finds circles of imports', () => {
  const graph = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['b', 'd']],
    ['d', []],
  ]);
  expect(circles(graph)).toEqual([['b', 'c', 'b']]);
});
