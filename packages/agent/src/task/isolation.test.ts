import { decodeObserved, type TaskStatus } from '@shoal/proto';
import { timingFor } from '@shoal/proto/rules';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { Limiter } from './limiter.ts';
import { Tasks } from './tasks.ts';
import { anAssignment, noFiles, SimulatedDaemon } from './testing.ts';

const settled = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 2 });
const reason = 'stopped: no contact with the manager (shoal.isolation=stop)';

const { leaseMs } = timingFor(1);

/** A host with an isolated task `t1` and another one, in contact with its manager. */
async function host({ drainMs = 0 } = {}) {
  const daemon = new SimulatedDaemon();
  const said: string[] = [];
  const time = { now: 1_000 };
  const draining = Promise.withResolvers<void>();
  const tasks = new Tasks({
    daemon,
    files: noFiles,
    network: { withdrawn: async () => {}, drain: (_, ms) => (ms > 0 ? draining.promise : Promise.resolve()) },
    limits: {
      starts: new Limiter(2),
      probes: new Limiter(2),
      questions: new Limiter(2),
      stops: new Limiter(64),
    },
    clock: () => time.now,
    onStatus: ({ taskId, state, err, cutOff }: TaskStatus) =>
      said.push(`${taskId} ${decodeObserved(state)}${err && ` (${err})`}${cutOff ? ' cut off' : ''}`),
    onForget: () => {},
    isRemoved: () => false,
    log: pino({ level: 'silent' }),
  });
  const isolated = { isolated: true, drainMs, attachments: [{ networkId: 'n', address: '10.0.0.9' }] };
  const assign = (desired: 'running' | 'shutdown' = 'running') =>
    tasks.assign(
      new Map([
        ['t1', anAssignment('t1', desired, isolated)],
        ['t2', anAssignment('t2')],
      ]),
      { complete: true },
    );
  tasks.contact(true);
  tasks.renewLease(time.now + leaseMs);
  tasks.list([]);
  assign();
  await settled(() => expect(said.filter((line) => line.endsWith('running'))).toHaveLength(2));
  said.length = 0;
  daemon.calls.length = 0;
  /** Nothing was heard for so long, and nobody looked meanwhile. */
  const sleep = (ms: number) => {
    time.now += ms;
  };
  return { daemon, said, tasks, assign, time, sleep };
}

describe('an isolated task', () => {
  it('stops when its lease has ended, and says why; others run on', async () => {
    const { daemon, said, tasks, sleep } = await host();
    sleep(leaseMs);
    tasks.renewLease(0);
    await settled(() => expect(said.at(-1)).toBe(`t1 shutdown (${reason}) cut off`));
    expect(said[0]).toBe(`t1 running (${reason})`);
    expect(daemon.calls).toEqual(['stop c-t1', 'find c-t1']);
  });

  it('stops also when there is a new lease by the time that it is noticed', async () => {
    const { daemon, said, tasks, time, sleep } = await host();
    sleep(60_000);
    tasks.renewLease(time.now + leaseMs);
    await settled(() => expect(said.at(-1)).toBe(`t1 shutdown (${reason}) cut off`));
    expect(daemon.calls).toContain('stop c-t1');
  });

  it('runs on as long as the lease is renewed', async () => {
    const { daemon, tasks, time, sleep } = await host();
    for (let i = 0; i < 10; i++) {
      sleep(leaseMs / 2);
      tasks.renewLease(time.now + leaseMs);
    }
    expect(daemon.calls).toEqual([]);
  });

  it('is killed when the daemon does not answer', async () => {
    const { daemon, said, tasks, sleep } = await host();
    daemon.failures.set('stop', new Error('connect ECONNREFUSED'));
    daemon.failures.set('find', new Error('connect ECONNREFUSED'));
    tasks.hint('t1', 'die');
    sleep(leaseMs);
    tasks.renewLease(0);
    await settled(() => expect(said.at(-1)).toBe(`t1 shutdown (${reason}) cut off`));
    expect(daemon.calls).toContain('kill c-t1');
  });

  it('is killed when its daemon is dead and the manager wants it to stop', async () => {
    const { daemon, said, assign } = await host();
    daemon.failures.set('stop', new Error('connect ECONNREFUSED'));
    assign('shutdown');
    await settled(() => expect(said.at(-1)).toBe('t1 shutdown'));
    expect(daemon.calls).toEqual(['stop c-t1', 'kill c-t1']);
  });

  it('does not drain connections beyond its lease', async () => {
    const { daemon, said, tasks, assign, sleep } = await host({ drainMs: 600_000 });
    assign('shutdown');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(daemon.calls).toEqual([]);
    sleep(leaseMs);
    tasks.renewLease(0);
    await settled(() => expect(said.at(-1)).toContain('t1 shutdown'));
    expect(daemon.calls).toContain('stop c-t1');
  });

  it('is not started without contact', async () => {
    const { daemon, said, tasks, sleep, time } = await host();
    tasks.contact(false);
    sleep(leaseMs);
    tasks.renewLease(0);
    await settled(() => expect(said.at(-1)).toContain('shutdown'));
    const third = anAssignment('t3', 'running', { isolated: true });
    tasks.assign(new Map([['t3', third]]), { complete: false });
    await settled(() => expect(said).toContain('t3 ready'));
    expect(daemon.calls).not.toContain('start c-t3');
    tasks.contact(true);
    tasks.renewLease(time.now + leaseMs);
    await new Promise((resolve) => setTimeout(resolve, 20));
    // What was wanted before may be old news.
    expect(daemon.calls).not.toContain('start c-t3');
    tasks.assign(new Map([['t3', third]]), { complete: true });
    await settled(() => expect(said.at(-1)).toBe('t3 running'));
  });
});
