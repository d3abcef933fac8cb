import { describe, expect, it, vi } from 'vitest';
import type { Container } from './container.ts';
import { Refused } from './daemon.ts';
import { statusOf, toTaskStatus } from './status.ts';
import { aCheck, aContainer, aHost, anAssignment } from './testing.ts';

const settled = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 2 });
const leftover = (taskId: string) => ({
  ...aContainer({ id: `c-${taskId}` }),
  taskId,
  name: `web.1.${taskId}`,
});

describe('a task with secrets', () => {
  const files = () => {
    const there = new Set<string>();
    const done: string[] = [];
    const note = (what: string) => (taskId: string) => void done.push(`${what} ${taskId}`);
    return {
      there,
      done,
      files: {
        has: ({ taskId }: { taskId: string }) => there.has(taskId),
        put: async ({ taskId }: { taskId: string }) => note('put')(taskId),
        drop: note('drop'),
        keepOnly: () => undefined,
      },
    };
  };
  const secret = { files: [{ kind: 'secret', id: 's.1' }] };

  it('is made when its host knows what they hold, and its files go when it has ended', async () => {
    const { there, done, files: fake } = files();
    const { daemon, said, tasks, assign } = aHost({ files: fake });
    tasks.list([]);
    assign(anAssignment('t1', 'running', secret));
    await settled(() => expect(daemon.calls).toEqual(['pull nginx:1']));
    there.add('t1');
    assign(anAssignment('t1', 'running', secret));
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(done).toEqual(['put t1', 'put t1']);
    assign(anAssignment('t1', 'shutdown', secret));
    await settled(() => expect(said.at(-1)).toBe('t1 shutdown'));
    expect(done.at(-1)).toBe('drop t1');
  });

  it('is rejected, so that another host gets it, where its files can be had in no way', async () => {
    const { there, files: fake } = files();
    const put = () => Promise.reject(new Refused('other', 'no place'));
    const { daemon, said, tasks, assign } = aHost({ files: { ...fake, put } });
    there.add('t1');
    tasks.list([]);
    assign(anAssignment('t1', 'running', secret));
    await settled(() => expect(said.at(-1)).toBe('t1 rejected (no place)'));
    expect(daemon.calls).toEqual(['pull nginx:1']);
  });

  it('is started again by its host while the manager is away, but not where nobody else knows them any more', async () => {
    for (const known of [true, false]) {
      const { there, files: fake } = files();
      const { daemon, said, tasks, assign, time } = aHost({ files: fake });
      there.add('t1');
      tasks.list([]);
      tasks.contact(true);
      const restart = { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 };
      assign(anAssignment('t1', 'running', { ...secret, restart }));
      await settled(() => expect(said.at(-1)).toBe('t1 running'));
      tasks.contact(false);
      if (!known) there.delete('t1');
      time.now += 60_000;
      daemon.change('c-t1', { phase: 'exited', pid: 0, exitCode: 3 });
      tasks.hint('t1', 'die');
      if (known)
        await settled(() => expect(daemon.calls.filter((call) => call === 'start c-t1')).toHaveLength(2));
      else await settled(() => expect(said.at(-1)).toBe('t1 failed (task: non-zero exit (3))'));
    }
  });
});

describe('a new task', () => {
  it('is pulled, created and started, and every state is said', async () => {
    const { daemon, said, tasks, assign } = aHost();
    tasks.list([]);
    assign(anAssignment());
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(said).toEqual(['t1 accepted', 't1 preparing', 't1 ready', 't1 starting', 't1 running']);
    expect(daemon.calls).toEqual(['pull nginx:1', 'create web.1.t1', 'start c-t1', 'find c-t1']);
  });

  it('waits until the daemon has said what is there', async () => {
    const { daemon, said, tasks, assign } = aHost();
    daemon.containers.set('c-t1', leftover('t1'));
    assign(anAssignment());
    expect(daemon.calls).toEqual([]);
    tasks.list(daemon.list());
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(daemon.calls).toEqual(['find c-t1']);
  });

  it('stops at ready when no more is wanted yet', async () => {
    const { daemon, said, tasks, assign } = aHost();
    tasks.list([]);
    assign(anAssignment('t1', 'ready'));
    await settled(() => expect(said.at(-1)).toBe('t1 ready'));
    assign(anAssignment('t1', 'running'));
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(daemon.calls.filter((call) => call.startsWith('create'))).toHaveLength(1);
  });

  it('is rejected with the words of the registry when its image can not be pulled', async () => {
    const { daemon, said, tasks, assign } = aHost();
    daemon.pullFailure = 'no such host';
    daemon.failures.set('create', new Refused('missing', 'No such image: nginx:1'));
    tasks.list([]);
    assign(anAssignment());
    await settled(() => expect(said.at(-1)).toBe('t1 rejected (no such host (pulling nginx:1))'));
  });

  it('is rejected with the words of its daemon when something else is missing', async () => {
    const { daemon, said, tasks, assign } = aHost();
    daemon.pullFailure = 'no such host';
    daemon.failures.set('create', new Refused('missing', 'network x not found'));
    tasks.list([]);
    assign(anAssignment());
    await settled(() => expect(said.at(-1)).toBe('t1 rejected (network x not found)'));
  });

  it('fails with the reason why it could not be started', async () => {
    const { daemon, said, tasks, assign } = aHost();
    daemon.failures.set('start', new Refused('other', 'port is already allocated'));
    tasks.list([]);
    assign(anAssignment());
    await settled(() =>
      expect(said.at(-1)).toContain('t1 failed (starting container failed: port is already'),
    );
  });

  it('takes over the container that has its name already', async () => {
    const { daemon, said, tasks, assign } = aHost();
    daemon.failures.set('create', new Refused('conflict', 'name in use'));
    daemon.containers.set('c-t1', { ...leftover('t1'), phase: 'created' });
    tasks.list([]);
    assign(anAssignment());
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
  });

  it('is rejected when its name belongs to a container of someone else', async () => {
    const { daemon, said, tasks, assign } = aHost();
    daemon.containers.set('x', { ...leftover('someone'), name: 'web.1.t1' });
    tasks.list([]);
    assign(anAssignment());
    await settled(() => expect(said.at(-1)).toMatch(/^t1 rejected \(Conflict/));
  });

  it('is tried again when the daemon did not answer', async () => {
    const { daemon, said, tasks, assign } = aHost();
    daemon.failures.set('create', new Error('socket hang up'));
    tasks.list([]);
    assign(anAssignment());
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(said).not.toContain('t1 rejected');
  });
});

it('tasks that do not answer hold up no health check', async () => {
  const { daemon, tasks, assign, said } = aHost();
  daemon.start = async (id) => {
    const checked = id === 'c-checked' && { health: 'starting' as const, check: aCheck() };
    daemon.change(id, { phase: 'running', pid: 7, ...checked });
  };
  const asked: string[] = [];
  daemon.ask = ({ id }: Container) => {
    asked.push(id);
    return new Promise(() => {});
  };
  const ready = { port: 80, path: '/', command: [], intervalMs: 5_000, timeoutMs: 60_000, failures: 3 };
  const silent = ['a', 'b', 'c', 'd', 'e'].map((id) => anAssignment(id, 'running', { ready }));
  tasks.list([]);
  assign(...silent);
  await settled(() => expect(asked).toHaveLength(4));
  assign(...silent, anAssignment('checked'));
  await settled(() => expect(said).toContain('checked running'));
});

describe('a task with a health check', () => {
  function checkedHost() {
    const all = aHost();
    const { daemon } = all;
    daemon.start = async (id) => {
      daemon.change(id, { phase: 'running', pid: 7, health: 'starting', check: aCheck() });
    };
    all.tasks.list([]);
    all.assign(anAssignment());
    const probes = () => daemon.calls.filter((call) => call.startsWith('probe')).length;
    return { ...all, probes };
  }

  it('runs as soon as its check passes, which its agent runs at once and again until then', async () => {
    const { daemon, said, time, probes, tasks } = checkedHost();
    daemon.passes = false;
    await settled(() => expect(probes()).toBe(1));
    time.now += 250;
    tasks.hint('t1', 'list');
    await settled(() => expect(probes()).toBe(2));
    expect(said.at(-1)).toBe('t1 starting');
    daemon.passes = true;
    time.now += 500;
    tasks.hint('t1', 'list');
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    tasks.hint('t1', 'list');
    daemon.change('c-t1', { health: 'healthy' });
    tasks.hint('t1', 'health_status');
    await settled(() => expect(daemon.calls.at(-1)).toBe('find c-t1'));
    expect({ probes: probes(), last: said.at(-1) }).toEqual({ probes: 3, last: 't1 running' });
  });

  it.each([
    ['it shall stop', 't1 shutdown'],
    ['its daemon has judged', 't1 failed (task: unhealthy container)'],
    ['it crashes', 't1 failed (task: non-zero exit (3))'],
  ])('waits for no check that hangs when %s', async (what, end) => {
    const { daemon, said, tasks, assign } = checkedHost();
    const started = Promise.withResolvers<AbortSignal>();
    daemon.probe = (_id, _check, signal) => {
      started.resolve(signal);
      return new Promise(() => {});
    };
    const signal = await started.promise;
    expect(said.at(-1)).toBe('t1 starting');
    if (what === 'it shall stop') assign(anAssignment('t1', 'shutdown'));
    if (what === 'its daemon has judged') daemon.change('c-t1', { health: 'unhealthy' });
    if (what === 'it crashes') daemon.change('c-t1', { phase: 'exited', exitCode: 3 });
    tasks.hint('t1', 'health_status');
    await settled(() => expect(said.at(-1)).toBe(end));
    expect(signal.aborted).toBe(true);
  });

  it('looks anew when its container is gone before the check could be run', async () => {
    const { daemon, said } = checkedHost();
    daemon.probe = async (id) => {
      daemon.containers.delete(id);
      throw new Refused('missing', 'No such container');
    };
    await settled(() => expect(said.at(-1)).toBe('t1 failed (task: container was removed by someone else)'));
  });
});

describe('the end of a task', () => {
  async function runningHost() {
    const all = aHost();
    all.tasks.list([]);
    all.assign(anAssignment());
    await settled(() => expect(all.said.at(-1)).toBe('t1 running'));
    return all;
  }

  it('stops on demand, then removes what nobody assigns any more', async () => {
    const { daemon, said, assign } = await runningHost();
    assign(anAssignment('t1', 'shutdown'));
    await settled(() => expect(said.at(-1)).toBe('t1 shutdown'));
    expect(daemon.containers.size).toBe(1);
    assign();
    await settled(() => expect(said.at(-1)).toBe('t1 forgotten'));
    expect(daemon.containers.size).toBe(0);
  });

  it('fails when its container is killed', async () => {
    const { daemon, said, tasks } = await runningHost();
    daemon.change('c-t1', { phase: 'exited', exitCode: 137 });
    tasks.hint('t1', 'die');
    await settled(() => expect(said.at(-1)).toBe('t1 failed (task: non-zero exit (137))'));
  });

  it("is the daemon's, when it went away and took its containers along", async () => {
    const { daemon, said, tasks } = await runningHost();
    // It is back, and nothing has happened.
    tasks.unwatched();
    tasks.list(daemon.list());
    daemon.change('c-t1', { phase: 'exited', exitCode: 3 });
    tasks.hint('t1', 'die');
    await settled(() => expect(said.at(-1)).toBe('t1 failed (task: non-zero exit (3))'));
    const { daemon: other, said: more, tasks: others } = await runningHost();
    others.unwatched();
    other.change('c-t1', { phase: 'exited', exitCode: 0 });
    others.list(other.list());
    await settled(() =>
      expect(more.at(-1)).toBe('t1 failed (task: ended while the Docker daemon was away, exit code 0)'),
    );
  });

  it('is its crash, not its health, once it was healthy again instead of being stopped', async () => {
    const { daemon, said, tasks } = await runningHost();
    daemon.stop = async (id) => {
      daemon.change(id, { health: 'healthy' });
      throw new Error('socket hang up');
    };
    daemon.change('c-t1', { health: 'unhealthy' });
    tasks.hint('t1', 'health_status');
    await settled(() =>
      expect(said.slice(-2)).toEqual(['t1 running (task: unhealthy container)', 't1 running']),
    );
    daemon.change('c-t1', { phase: 'exited', exitCode: 3 });
    tasks.hint('t1', 'die');
    await settled(() => expect(said.at(-1)).toBe('t1 failed (task: non-zero exit (3))'));
  });

  it('is withdrawn before it is stopped for its health', async () => {
    const { daemon, said, tasks, assign } = aHost();
    tasks.list([]);
    assign(anAssignment('t1', 'running', { drainMs: 5_000, attachments: [{ networkId: 'n', address: '' }] }));
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    expect(tasks.unfit()).toEqual(new Set());
    const before = said.length;
    daemon.change('c-t1', { health: 'unhealthy' });
    tasks.hint('t1', 'health_status');
    await settled(() => expect(said.at(-1)).toBe('t1 failed (task: unhealthy container)'));
    expect(said.slice(before)).toEqual([
      't1 running (task: unhealthy container)',
      'withdraw t1 within 2000',
      'drain 1 for 0',
      't1 failed (task: unhealthy container)',
    ]);
    expect(tasks.unfit()).toEqual(new Set(['t1']));
  });

  it('fails when its container is removed, though the list alone is not believed', async () => {
    const { daemon, said, tasks } = await runningHost();
    tasks.list([]);
    await settled(() => expect(daemon.calls.at(-1)).toBe('find c-t1'));
    expect(said.at(-1)).toBe('t1 running');
    daemon.containers.clear();
    tasks.list([]);
    await settled(() => expect(said.at(-1)).toBe('t1 failed (task: container was removed by someone else)'));
  });

  it('does not look again for an event that it caused', async () => {
    const { daemon, tasks } = await runningHost();
    const before = daemon.calls.length;
    tasks.hint('t1', 'start');
    tasks.list(daemon.list());
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(daemon.calls).toHaveLength(before);
  });

  it('reports shutdown for a task that never ran, and drops the wait for its turn', async () => {
    const { daemon, said, tasks, assign } = aHost({ slots: 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    tasks.list([]);
    daemon.failures.clear();
    daemon.hold = promise;
    assign(anAssignment('t1'), anAssignment('t2'));
    assign(anAssignment('t1', 'shutdown'), anAssignment('t2', 'shutdown'));
    resolve();
    await settled(() => expect(said.filter((line) => line.endsWith('shutdown'))).toHaveLength(2));
    expect(daemon.calls.some((call) => call.startsWith('create') || call.startsWith('start'))).toBe(false);
  });
});

describe('leftovers', () => {
  it('are removed once the manager has said what there is', async () => {
    const { daemon, said, tasks, assign } = aHost();
    daemon.containers.set('c-old', leftover('old'));
    tasks.list(daemon.list());
    expect(daemon.calls).toEqual([]);
    assign();
    await settled(() => expect(daemon.containers.size).toBe(0));
    await settled(() => expect(said).toEqual(['old forgotten']));
  });

  it('stay as long as only the journal speaks', async () => {
    const { daemon, tasks } = aHost();
    daemon.containers.set('c-old', leftover('old'));
    tasks.assign(new Map(), { complete: false });
    tasks.list(daemon.list());
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(daemon.calls).toEqual([]);
  });

  it('of another node of the cluster stay until the manager has said in this session that there is no such node', async () => {
    const removed = new Set<string>();
    const { daemon, said, tasks, assign } = aHost({ isRemoved: (nodeId) => removed.has(nodeId) });
    daemon.containers.set('c-old', { ...leftover('old'), otherNode: 'n0' });
    tasks.contact(true);
    tasks.list(daemon.list());
    assign(anAssignment());
    tasks.list(daemon.list());
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    tasks.contact(false);
    removed.add('n0');
    tasks.list(daemon.list());
    tasks.contact(true);
    tasks.list(daemon.list());
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(daemon.calls.filter((call) => call.endsWith('c-old'))).toEqual([]);
    assign(anAssignment());
    await settled(() => expect([...daemon.containers.keys()]).toEqual(['c-t1']));
    expect(daemon.calls.filter((call) => call.endsWith('c-old'))).toEqual([
      'find c-old',
      'stop c-old',
      'find c-old',
      'remove c-old',
    ]);
  });
});

describe('new limits', () => {
  const MiB = 2 ** 20;
  const limited = (Memory: number) => anAssignment('t1', 'running', {}, { HostConfig: { Memory } });
  const host = async (memoryBytes: number) => {
    const host = aHost();
    host.tasks.list([]);
    host.assign(limited(memoryBytes));
    await settled(() => expect(host.said.at(-1)).toBe('t1 running'));
    host.daemon.calls.length = 0;
    return host;
  };
  const refusedBy = ({ tasks }: ReturnType<typeof aHost>) => tasks.statuses()[0]?.limitsRefused;

  it('are given to the container that is there', async () => {
    const { daemon, said, assign } = await host(64 * MiB);
    assign(limited(96 * MiB));
    await settled(() => expect(daemon.calls).toEqual(['limit c-t1', 'find c-t1']));
    expect(daemon.containers.get('c-t1')).toMatchObject({ phase: 'running', limits: { memory: 96 * MiB } });
    expect(said.at(-1)).toBe('t1 running');
  });

  it('that the daemon refuses are asked for once, and the task says so as long as they are wanted', async () => {
    const one = await host(64 * MiB);
    one.daemon.failures.set('limit', new Refused('other', 'it uses 40 MiB'));
    one.assign(limited(32 * MiB));
    await settled(() => expect(refusedBy(one)).toBe('it uses 40 MiB'));
    expect(one.said.at(-1)).toBe('t1 running');
    one.tasks.hint('t1', 'list');
    await settled(() => expect(one.daemon.calls).toEqual(['limit c-t1', 'find c-t1', 'find c-t1']));
    one.assign(limited(64 * MiB));
    await settled(() => expect(refusedBy(one)).toBe(''));
    expect(one.daemon.calls).toHaveLength(3);
  });

  it('that came while nobody looked are made up for', async () => {
    const { daemon, tasks, assign } = aHost();
    daemon.containers.set('c-t1', leftover('t1'));
    assign(limited(32 * MiB));
    tasks.list(daemon.list());
    await settled(() => expect(daemon.calls).toEqual(['find c-t1', 'limit c-t1', 'find c-t1']));
  });

  it('that a daemon takes without giving them are not asked for again', async () => {
    const { daemon, tasks, assign } = await host(0);
    daemon.limit = async (id) => void daemon.calls.push(`limit ${id}`);
    assign(limited(32 * MiB));
    await settled(() => expect(daemon.calls).toEqual(['limit c-t1', 'find c-t1']));
    tasks.hint('t1', 'list');
    await settled(() => expect(daemon.calls).toEqual(['limit c-t1', 'find c-t1', 'find c-t1']));
  });

  it('that wait behind starts keep nobody from seeing the container end', async () => {
    const { daemon, said, tasks, assign } = aHost({ slots: 1 });
    tasks.list([]);
    assign(limited(64 * MiB));
    await settled(() => expect(said.at(-1)).toBe('t1 running'));
    daemon.create = ({ taskId }) => {
      daemon.calls.push(`create ${taskId}`);
      return Promise.withResolvers<never>().promise;
    };
    assign(limited(64 * MiB), anAssignment('t2'));
    await settled(() => expect(daemon.calls.at(-1)).toBe('create t2'));
    assign(limited(96 * MiB), anAssignment('t2'));
    daemon.change('c-t1', { phase: 'exited', pid: 0, exitCode: 3 });
    tasks.hint('t1', 'die');
    await settled(() => expect(said.at(-1)).toBe('t1 failed (task: non-zero exit (3))'));
  });

  it('are asked for again when the daemon did not answer', async () => {
    const { daemon, assign } = await host(64 * MiB);
    daemon.failures.set('limit', new Error('socket hang up'));
    assign(limited(96 * MiB));
    await settled(() => expect(daemon.containers.get('c-t1')?.limits.memory).toBe(96 * MiB));
  });
});

it('does not run again what ended before the agent was restarted', async () => {
  const { daemon, tasks, said } = aHost();
  const statuses = new Map([['t1', toTaskStatus('t1', statusOf('failed', { err: 'x' }), 5)]]);
  tasks.assign(new Map([['t1', anAssignment()]]), { complete: false, earlier: { statuses, rebooted: true } });
  tasks.list([]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect({ calls: daemon.calls, said }).toEqual({ calls: [], said: [] });
  expect(tasks.statuses()).toMatchObject([{ taskId: 't1', timeMs: 5, err: 'x' }]);
});

it('starts many tasks, so many at a time', async () => {
  const { daemon, said, tasks, assign } = aHost({ slots: 2 });
  daemon.pull = async () => '';
  tasks.list([]);
  assign(...Array.from({ length: 30 }, (_, i) => anAssignment(`t${i}`)));
  await settled(() => expect(said.filter((line) => line.endsWith('running'))).toHaveLength(30));
  expect(daemon.mostRunning).toBeLessThanOrEqual(2);
});
