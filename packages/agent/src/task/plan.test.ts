import type { ObservedStateName } from '@shoal/proto';
import { compareStates, isTerminal } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Container, containerPhases, isActive } from './container.ts';
import { noLimits } from './limits.ts';
import { endedWithHost } from './own-restarts.ts';
import { plan } from './plan.ts';
import { fromTaskStatus, statusOf, toTaskStatus } from './status.ts';
import type { Memory, TaskView, Wanted } from './step.ts';
import { aCheck, aContainer, anAssignment } from './testing.ts';

interface Given {
  wanted?: Wanted;
  container?: Container | undefined;
  said?: ObservedStateName;
  memory?: Partial<Memory>;
  lacksFiles?: boolean;
}

function view({
  wanted = 'running',
  container,
  said = 'accepted',
  memory = {},
  lacksFiles = false,
}: Given): TaskView {
  const known = { status: statusOf(said), stale: false, told: true, lastLines: '', ...memory };
  return {
    wanted,
    assignment: anAssignment(),
    memory: known,
    now: 0,
    isCurrent: true,
    leaseUntil: 0,
    lacksFiles,
    ...(container && { container }),
  };
}

const checked = aContainer({ health: 'starting', check: aCheck() });
const passed = { startedAt: 'first', tries: 1, passed: true, nextAt: Number.POSITIVE_INFINITY };

/** `state: what next`, as one line. */
function line(given: Given): string {
  const next = plan(view(given));
  if (next.kind === 'forget') return 'forget';
  const { state, err } = next.status;
  return `${state}${err && ` (${err})`}: ${next.kind === 'step' ? next.step.action : `wait, ${next.reason}`}`;
}

it('waits before its container is made or started while nobody has said what its secrets hold, and says so', () => {
  const says = 'waiting: the manager has to say what its secrets and configs hold';
  const pulled = { memory: { pulled: { error: '' } }, lacksFiles: true };
  expect(line({ lacksFiles: true })).toBe('accepted: pull');
  for (const given of [pulled, { container: aContainer({ phase: 'created' }), lacksFiles: true }])
    expect(plan(view(given))).toMatchObject({ kind: 'wait', status: { message: says } });
  expect(plan(view({ container: aContainer(), lacksFiles: true }))).toMatchObject({
    status: { state: 'running' },
  });
});

describe('a task that is wanted running', () => {
  it.each<[string, Given, string]>([
    ['is new', {}, 'accepted: pull'],
    ['has its image', { memory: { pulled: { error: '' } } }, 'accepted: create'],
    ['has no image, perhaps an old one', { memory: { pulled: { error: 'no route' } } }, 'accepted: create'],
    [
      'was refused',
      { said: 'preparing', memory: { refused: 'No such image: x' } },
      'rejected (No such image: x): wait, it has ended',
    ],
    ['has a container', { container: aContainer({ phase: 'created' }) }, 'ready: start'],
    [
      'could not be started',
      { said: 'starting', container: aContainer({ phase: 'created' }), memory: { refused: 'port is taken' } },
      'failed (starting container failed: port is taken): wait, it has ended',
    ],
    [
      'could not be started, before this agent came up',
      { container: aContainer({ phase: 'created', error: 'port is taken' }) },
      'failed (starting container failed: port is taken): wait, it has ended',
    ],
    ['runs', { said: 'starting', container: aContainer() }, 'running: wait, it runs'],
    [
      'is paused by someone',
      { said: 'running', container: aContainer({ phase: 'paused' }) },
      'running: wait, it runs',
    ],
    [
      'is not healthy yet',
      { said: 'starting', container: aContainer({ health: 'starting' }) },
      'starting: wait, its health check has not passed yet',
    ],
    [
      'is not healthy yet, and has a check that was not run',
      { said: 'starting', container: checked },
      'starting: probe',
    ],
    [
      'has a check that failed',
      {
        said: 'starting',
        container: checked,
        memory: { probing: { ...passed, passed: false, nextAt: 250 } },
      },
      'starting: wait, its health check has not passed yet',
    ],
    [
      'has a check that failed a while ago',
      { said: 'starting', container: checked, memory: { probing: { ...passed, passed: false, nextAt: 0 } } },
      'starting: probe',
    ],
    [
      'has a check that passed when this agent ran it',
      { said: 'starting', container: checked, memory: { probing: passed } },
      'running: wait, it runs',
    ],
    [
      'has a check that passed in an earlier life of its container',
      { said: 'starting', container: { ...checked, startedAt: 'second' }, memory: { probing: passed } },
      'starting: probe',
    ],
    [
      'is judged unhealthy by its daemon, whatever this agent found',
      { said: 'running', container: { ...checked, health: 'unhealthy' }, memory: { probing: passed } },
      'running (task: unhealthy container): stop',
    ],
    [
      'has served, and its daemon begins anew to probe it',
      { said: 'running', container: checked },
      'running: wait, it runs',
    ],
    [
      'was started again by its host, and serves nobody yet',
      { memory: { status: statusOf('running', { err: 'task: non-zero exit (3)' }) }, container: checked },
      'running (task: non-zero exit (3)): probe',
    ],
    [
      'is healthy',
      { said: 'starting', container: aContainer({ health: 'healthy' }) },
      'running: wait, it runs',
    ],
    [
      'became unhealthy',
      { said: 'running', container: aContainer({ health: 'unhealthy' }) },
      'running (task: unhealthy container): stop',
    ],
    [
      'never was healthy',
      { said: 'starting', container: aContainer({ health: 'unhealthy' }) },
      'starting (task: unhealthy container): stop',
    ],
    [
      'became unhealthy, with what its last probe said',
      {
        said: 'running',
        container: aContainer({ health: 'unhealthy', lastProbe: { exitCode: 22, output: '\nHTTP  503\n' } }),
      },
      'running (task: unhealthy container (last probe: exit code 22: HTTP 503)): stop',
    ],
    [
      'is healthy again, seen by the next agent before it was stopped',
      {
        memory: { status: statusOf('running', { err: 'task: unhealthy container' }) },
        container: aContainer({ health: 'healthy' }),
      },
      'running: wait, it runs',
    ],
    [
      'was stopped for its health',
      { said: 'running', container: aContainer({ phase: 'exited', health: 'unhealthy', exitCode: 0 }) },
      'failed (task: unhealthy container): wait, it has ended',
    ],
    [
      'was stopped for its health, and a last probe passed meanwhile',
      {
        said: 'running',
        container: aContainer({ phase: 'exited', health: 'healthy', exitCode: 143 }),
        memory: { unhealthy: 'task: unhealthy container (last probe: exit code 1)' },
      },
      'failed (task: unhealthy container (last probe: exit code 1)): wait, it has ended',
    ],
    [
      'crashed, however well it was',
      { said: 'running', container: aContainer({ phase: 'exited', health: 'healthy', exitCode: 3 }) },
      'failed (task: non-zero exit (3)): wait, it has ended',
    ],
    ...[0, 137, 255].map((exitCode): [string, Given, string] => [
      `ended with its host, exit code ${exitCode}`,
      {
        memory: { status: statusOf('running', { own: endedWithHost(undefined, 0) }) },
        container: aContainer({ phase: 'exited', exitCode }),
      },
      'failed (task: its host was restarted): wait, it has ended',
    ]),
    ...[0, 143].map((exitCode): [string, Given, string] => [
      `ended with its daemon, exit code ${exitCode}`,
      {
        said: 'running',
        memory: { unwatched: true },
        container: aContainer({ phase: 'exited', exitCode }),
      },
      `failed (task: ended while the Docker daemon was away, exit code ${exitCode}): wait, it has ended`,
    ]),
    [
      'is done',
      { said: 'running', container: aContainer({ phase: 'exited' }) },
      'complete: wait, it has ended',
    ],
    [
      'crashed',
      { said: 'running', container: aContainer({ phase: 'exited', exitCode: 3 }) },
      'failed (task: non-zero exit (3)): wait, it has ended',
    ],
    [
      'ran out of memory',
      {
        said: 'running',
        container: aContainer({
          phase: 'exited',
          exitCode: 137,
          oomKilled: true,
          limits: { ...noLimits, memory: 64 * 2 ** 20 },
        }),
      },
      'failed (task: out of memory (limit 64 MiB), exit code 137): wait, it has ended',
    ],
    [
      'was killed because its host ran out of memory',
      { said: 'running', container: aContainer({ phase: 'exited', exitCode: 137, oomKilled: true }) },
      'failed (task: out of memory (of its host, it has no limit), exit code 137): wait, it has ended',
    ],
    [
      'lost a process for want of memory, and ended well all the same',
      { said: 'running', container: aContainer({ phase: 'exited', oomKilled: true }) },
      'complete: wait, it has ended',
    ],
    [
      'lost its container',
      { said: 'running' },
      'failed (task: container was removed by someone else): wait, it has ended',
    ],
    ['was started again by someone', { said: 'failed', container: aContainer() }, 'failed: stop'],
    [
      'may have changed',
      { said: 'running', container: aContainer(), memory: { stale: true } },
      'running: observe',
    ],
  ])('%s', (_name, given, expected) => {
    expect(line(given)).toBe(expected);
  });

  it('says when the daemon refused to start it, which another host may not', () => {
    const created = aContainer({ phase: 'created' });
    const refused = { said: 'starting', container: created, memory: { refused: 'port is taken' } } as const;
    const earlier = { container: { ...created, error: 'port is taken' } };
    const exited = { said: 'running', container: aContainer({ phase: 'exited', exitCode: 1 }) } as const;
    const said = (given: Given) => {
      const next = plan(view(given));
      return next.kind !== 'forget' && next.status.startRefused;
    };
    expect([refused, earlier, exited].map(said)).toEqual([true, true, undefined]);
  });
});

describe('a task that is wanted otherwise', () => {
  const created = aContainer({ phase: 'created' });
  const exited = aContainer({ phase: 'exited', exitCode: 143 });
  it.each<[Wanted, Given, string]>([
    ['ready', { container: created }, 'ready: wait, prepared, to be started later'],
    ['shutdown', {}, 'shutdown: wait, it has ended'],
    ['shutdown', { said: 'ready', container: created }, 'shutdown: wait, it has ended'],
    ['shutdown', { said: 'running', container: aContainer() }, 'running: stop'],
    ['shutdown', { said: 'running', container: exited }, 'shutdown: wait, it has ended'],
    ['shutdown', { said: 'failed', container: exited }, 'failed: wait, it has ended'],
    [
      'shutdown',
      { memory: { status: statusOf('running', { own: endedWithHost(undefined, 0) }) }, container: exited },
      'shutdown (task: its host was restarted): wait, it has ended',
    ],
    ['remove', { said: 'running', container: aContainer() }, 'running: stop'],
    ['gone', { said: 'running', container: aContainer() }, 'running: stop'],
    ['gone', { said: 'running', container: exited }, 'running: remove'],
    ['gone', { said: 'running' }, 'forget'],
  ])('%s', (wanted, given, expected) => {
    expect(line({ ...given, wanted })).toBe(expected);
  });
});

it('knows the container and its ports once they exist', () => {
  const ports = [{ protocol: 'tcp', target: 80, published: 49_153, name: '' }];
  const next = plan(view({ container: aContainer({ ports }) }));
  expect(next).toMatchObject({ status: { container: { id: 'c1', pid: 7, exitCode: 0 }, ports } });
});

it('runs a check as often as the service says, also where the daemon has forgotten it', () => {
  const asked = anAssignment('t1', 'running', {}, { Healthcheck: { StartInterval: 2e9 } });
  const stepOf = (container: Container) => {
    const next = plan({ ...view({ said: 'starting', container }), assignment: asked });
    return next.kind === 'step' && next.step.action === 'probe' && next.step.check.startIntervalMs;
  };
  expect(stepOf(checked)).toBe(2_000);
  expect(stepOf({ ...checked, check: aCheck({ startIntervalMs: 500 }) })).toBe(500);
});

it('reads the end of the log of what failed, once, and says it', () => {
  const container = aContainer({ phase: 'exited', exitCode: 3 });
  const after = (lastLines: string | undefined, more: Partial<TaskView> = {}) => {
    const task = view({ said: 'running', container });
    const { lastLines: _, ...memory } = task.memory;
    return plan({ ...task, memory: { ...memory, ...(lastLines !== undefined && { lastLines }) }, ...more });
  };
  expect(after(undefined)).toMatchObject({ step: { action: 'readLog' }, status: { state: 'running' } });
  expect(after('no database')).toMatchObject({
    kind: 'wait',
    status: { state: 'failed', err: 'task: non-zero exit (3)', lastLines: 'no database' },
  });
  expect(after('')).toMatchObject({ kind: 'wait', status: { state: 'failed' } });
  // Nobody waits for a log while the manager is away, nor of a task that was asked to stop.
  expect(after(undefined, { aloneSince: 0 })).toMatchObject({ kind: 'wait' });
  expect(after(undefined, { wanted: 'shutdown' })).toMatchObject({ status: { state: 'shutdown' } });
});

it('marks what failed for want of memory, and says so to the manager and to the next agent', () => {
  const exited = (more: Partial<Container>) => {
    const next = plan(view({ said: 'running', container: aContainer({ phase: 'exited', ...more }) }));
    return next.kind === 'forget' ? undefined : next.status;
  };
  const killed = exited({ exitCode: 137, oomKilled: true });
  expect(killed && fromTaskStatus(toTaskStatus('t1', killed, 1))).toEqual(killed);
  expect(killed?.oomKilled).toBe(true);
  expect(exited({ exitCode: 137 })?.oomKilled).toBeUndefined();
  expect(exited({ oomKilled: true })?.oomKilled).toBeUndefined();
});

const anyContainer = fc.record({
  id: fc.constant('c1'),
  startedAt: fc.constant('first'),
  phase: fc.constantFrom(...containerPhases.filter((phase) => phase !== 'removing')),
  health: fc.constantFrom('none' as const, 'starting' as const, 'healthy' as const, 'unhealthy' as const),
  pid: fc.constant(7),
  exitCode: fc.constantFrom(0, 1, 137),
  oomKilled: fc.boolean(),
  limits: fc.constantFrom(noLimits, { ...noLimits, memory: 2 ** 20 }),
  error: fc.constantFrom('', 'port is taken'),
  stopTimeoutMs: fc.constant(1_000),
  address: fc.constant('10.0.0.2'),
  ports: fc.constant([]),
});
const anyWanted = fc.constantFrom<Wanted>('ready', 'running', 'shutdown', 'remove', 'gone');
const anySaid = fc.constantFrom<ObservedStateName>(
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'failed',
  'shutdown',
);

/** What a step does to a container when Docker does as it is told. */
function effect(view: TaskView, action: string): TaskView {
  const { container, memory, ...rest } = view;
  const becomes = (next: Container | undefined): TaskView => ({
    ...rest,
    memory,
    ...(next && { container: next }),
  });
  switch (action) {
    case 'observe':
      return { ...view, memory: { ...memory, stale: false } };
    case 'pull':
      return { ...view, memory: { ...memory, pulled: { error: '' } } };
    case 'readLog':
      return { ...view, memory: { ...memory, lastLines: 'bye' } };
    case 'create':
      return becomes(aContainer({ phase: 'created' }));
    case 'start':
      return becomes(aContainer());
    case 'stop':
      return becomes(container && { ...container, phase: 'exited', exitCode: 143 });
    default:
      return becomes(undefined);
  }
}

it('comes to rest where it is wanted, whatever was there before', () => {
  const given = fc.record({
    wanted: anyWanted,
    container: fc.option(anyContainer, { nil: undefined }),
    said: anySaid,
  });
  fc.assert(
    fc.property(given, fc.boolean(), (start, stale) => {
      let task = view({ ...start, memory: { stale } });
      const actions: string[] = [];
      for (let next = plan(task); next.kind !== 'wait'; next = plan(task)) {
        if (next.kind === 'forget') {
          expect(start.wanted).toBe('gone');
          expect(task.container).toBeUndefined();
          return;
        }
        // States only move forward, and ends stay.
        expect(compareStates(next.status.state, task.memory.status.state)).toBeGreaterThanOrEqual(0);
        if (isTerminal(task.memory.status.state)) expect(next.status).toEqual(task.memory.status);
        task = { ...task, memory: { ...task.memory, status: next.status } };
        actions.push(next.step.action);
        expect(actions.length).toBeLessThan(8);
        task = effect(task, next.step.action);
      }
      const end = plan(task);
      const state = end.kind === 'wait' ? end.status.state : undefined;
      const wantedAlive = start.wanted === 'running' || start.wanted === 'ready';
      if (!wantedAlive || isTerminal(start.said)) {
        expect(actions).not.toContain('start');
        expect(actions).not.toContain('create');
      }
      if (!wantedAlive) expect(state && isTerminal(state)).toBe(true);
      if (state && isTerminal(state))
        expect(task.container === undefined || !isActive(task.container)).toBe(true);
      else expect(['ready', 'starting', 'running']).toContain(state);
    }),
  );
});

it('stops a task within the grace period that its service has now', () => {
  const assignment = anAssignment('t1', 'shutdown', {}, { StopTimeout: 3 });
  const stopping = { ...view({ wanted: 'shutdown', container: aContainer() }), assignment };
  expect(plan(stopping)).toMatchObject({ step: { action: 'stop', timeoutMs: 3_000 } });
});
