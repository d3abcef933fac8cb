import { isTerminal } from '@shoal/proto/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Container, isActive } from './container.ts';
import { endedWithHost, patienceMs } from './own-restarts.ts';
import { plan } from './plan.ts';
import { fromTaskStatus, isUnfit, type Status, statusOf, toTaskStatus } from './status.ts';
import type { Memory, TaskView } from './step.ts';
import { aContainer, anAssignment } from './testing.ts';

/** One task whose manager comes and goes, in simulated time: what its worker does, without waiting. */
class Life {
  now = 1_000_000;
  aloneSince: number | undefined;
  container: Container = aContainer();
  memory: Memory = { status: statusOf('running'), stale: false, told: true };
  /** Whether the daemon takes the next start. */
  startable = true;
  readonly starts: number[] = [];
  readonly policy;

  constructor(policy: Partial<NonNullable<ReturnType<typeof anAssignment>['restart']>> = {}) {
    this.policy = { condition: 'any', delayMs: 5_000, maxAttempts: 0, windowMs: 0, ...policy };
  }

  get status(): Status {
    return this.memory.status;
  }

  die(exitCode = 1): this {
    if (isActive(this.container)) this.container = { ...this.container, phase: 'exited', exitCode, pid: 0 };
    return this.settle();
  }

  /** Of the manager. */
  lose(): this {
    this.aloneSince ??= this.now;
    return this.settle();
  }

  find(): this {
    this.aloneSince = undefined;
    return this.settle();
  }

  /** The manager has what was said. */
  accept(): this {
    this.memory = { ...this.memory, told: true };
    return this;
  }

  /** Another agent takes over; with `boot`, after the host was booted. */
  restartAgent({ boot = false } = {}): this {
    const said = fromTaskStatus(toTaskStatus('t1', this.status, 1));
    const status =
      boot && !isTerminal(said.state) ? { ...said, own: endedWithHost(said.own, this.now) } : said;
    if (boot) this.container = { ...this.container, phase: 'exited', exitCode: 255 };
    this.memory = { status, stale: false, told: isTerminal(status.state) };
    this.aloneSince = this.now;
    return this.settle();
  }

  after(ms: number): this {
    const end = this.now + ms;
    for (let wake = this.settle().wakeAt; wake !== undefined && wake <= end; wake = this.settle().wakeAt)
      this.now = Math.max(this.now, wake);
    this.now = end;
    return this.settle();
  }

  get wakeAt(): number | undefined {
    const next = plan(this.#view());
    return next.kind === 'wait' ? next.until : undefined;
  }

  settle(): this {
    for (let steps = 0; ; steps++) {
      expect(steps).toBeLessThan(5);
      const next = plan(this.#view());
      if (next.kind === 'forget') throw new Error('forgotten');
      const told = this.memory.told && JSON.stringify(next.status) === JSON.stringify(this.status);
      this.memory = { ...this.memory, status: next.status, told };
      if (next.kind === 'wait') return this;
      if (next.step.action === 'start') this.#start();
      else if (next.step.action === 'stop') this.container = { ...this.container, phase: 'exited' };
      else if (next.step.action === 'readLog') this.memory = { ...this.memory, lastLines: '' };
      else throw new Error(next.step.action);
    }
  }

  #start(): void {
    const { refused: _, ...memory } = this.memory;
    this.starts.push(this.now);
    if (this.startable) this.container = aContainer();
    this.memory = this.startable ? memory : { ...memory, refused: 'port is taken' };
  }

  #view(): TaskView {
    const { now, aloneSince, container, memory } = this;
    const assignment = anAssignment('t1', 'running', { restart: this.policy });
    return {
      wanted: 'running',
      assignment,
      container,
      memory,
      now,
      isCurrent: true,
      leaseUntil: 0,
      lacksFiles: false,
      ...(aloneSince !== undefined && { aloneSince }),
    };
  }
}

describe('a container that ends while the manager is away', () => {
  it('is started again after the delay, and gets no traffic until then', () => {
    const life = new Life().lose().after(60_000).die(3);
    expect(life.status).toMatchObject({
      state: 'running',
      err: 'task: non-zero exit (3); its host starts it again, since the manager is away',
    });
    expect(life.after(4_999).starts).toEqual([]);
    expect(life.after(1).starts).toHaveLength(1);
    expect(life.status).toMatchObject({
      state: 'running',
      err: '',
      message: 'started; once again by its host while the manager was away',
    });
    expect(life.find().accept().after(60_000).status.state).toBe('running');
  });

  it('waits for a manager that is only started again', () => {
    const life = new Life({ delayMs: 0 }).lose().die();
    expect(life.after(patienceMs - 1).starts).toEqual([]);
    expect(life.find().status).toMatchObject({ state: 'failed', err: 'task: non-zero exit (1)' });
    expect(life.accept().lose().after(600_000).starts).toEqual([]);
  });

  it('is started again also when the manager died before it heard of the end', () => {
    const life = new Life().die();
    expect(life.status.state).toBe('failed');
    expect(life.lose().after(5_000).starts).toHaveLength(1);
    expect(life.status).toMatchObject({ state: 'running', err: '' });
  });

  it('stays ended when the policy says so', () => {
    expect(new Life({ condition: 'none' }).lose().die().after(60_000).status.state).toBe('failed');
    expect(new Life({ condition: 'on-failure' }).lose().die(0).after(60_000).status.state).toBe('complete');
    expect(new Life({ condition: 'on-failure' }).lose().die(1).after(60_000).status.state).toBe('running');
    expect(new Life().lose().die(0).after(60_000).status.state).toBe('running');
  });

  it('waits longer after each quick end, up to a minute', () => {
    const life = new Life({ delayMs: 1_000 }).lose().after(10_000);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const from = life.die().now;
      while (!isActive(life.container)) life.after(100);
      waits.push((life.starts.at(-1) ?? 0) - from);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    const from = life.after(10_000).die().now;
    expect(life.after(1_000).starts.at(-1)).toBe(from + 1_000);
  });

  it('is given up after MaxAttempts, also over a restart of the agent', () => {
    const life = new Life({ delayMs: 0, maxAttempts: 2 }).lose().after(10_000).die().die();
    expect(life.starts).toHaveLength(2);
    expect(life.restartAgent().after(10_000).die().after(10_000).status.state).toBe('failed');
    expect(life.starts).toHaveLength(2);
  });

  it('is tried again when the daemon refused to start it', () => {
    const life = new Life({ delayMs: 1_000 }).lose().after(10_000);
    life.startable = false;
    life.die().after(5_000);
    expect(life.starts.length).toBeGreaterThan(1);
    expect(life.status.err).toContain('port is taken');
    life.startable = true;
    expect(life.after(60_000).status).toMatchObject({ state: 'running', err: '' });
  });

  it('is one that was stopped for its health, too', () => {
    const life = new Life().lose().after(10_000);
    life.container = { ...life.container, health: 'unhealthy' };
    expect(life.settle().after(5_000).starts).toHaveLength(1);
    expect(life.status).toMatchObject({ state: 'running', err: '' });
  });
});

describe('after a boot without a manager', () => {
  it('tasks start again, whatever the policy says, and it is no attempt', () => {
    for (const policy of [{}, { condition: 'none' }, { maxAttempts: 1 }]) {
      const life = new Life(policy).restartAgent({ boot: true });
      expect(life.status.err).not.toBe('');
      expect(life.after(patienceMs - 1).starts).toEqual([]);
      expect(life.after(1).status).toMatchObject({
        state: 'running',
        err: '',
        own: { attempts: [], count: 1 },
      });
    }
  });

  it('what had ended before stays ended', () => {
    const life = new Life({ condition: 'none' }).lose().die();
    expect(life.restartAgent({ boot: true }).after(60_000).starts).toEqual([]);
  });
});

it('keeps to its rules whatever happens', () => {
  const event = fc.oneof(
    fc.constantFrom('die', 'end well', 'lose', 'find', 'accept', 'agent', 'boot', 'refuse', 'allow'),
    fc.integer({ min: 0, max: 20_000 }),
  );
  const policy = fc.record({
    condition: fc.constantFrom('none', 'on-failure', 'any'),
    delayMs: fc.constantFrom(0, 200, 5_000),
    maxAttempts: fc.constantFrom(0, 1, 3),
    windowMs: fc.constantFrom(0, 10_000),
  });
  fc.assert(
    fc.property(policy, fc.array(event, { maxLength: 60 }), (rules, events) => {
      const life = new Life(rules);
      for (const what of events) {
        const before = life.starts.length;
        const wasOver = isTerminal(life.status.state) && life.memory.told;
        const alone = life.aloneSince;
        if (typeof what === 'number') life.after(what);
        else if (what === 'die') life.die();
        else if (what === 'end well') life.die(0);
        else if (what === 'lose') life.lose();
        else if (what === 'find') life.find();
        else if (what === 'accept') life.accept();
        else if (what === 'refuse' || what === 'allow') life.startable = what === 'allow';
        else life.restartAgent({ boot: what === 'boot' });
        const fresh = life.starts.slice(before);
        // The manager decides while it is there, and of what it knows to be over.
        if (wasOver || (alone === undefined && typeof what === 'number')) expect(fresh).toEqual([]);
        for (const at of fresh) expect(at).toBeGreaterThanOrEqual((life.aloneSince ?? 0) + patienceMs);
        // What does not run gets no traffic; and while the manager is there, an end is reported.
        if (!isActive(life.container)) expect(isUnfit(life.status)).toBe(true);
        if (!isActive(life.container) && life.aloneSince === undefined)
          expect(isTerminal(life.status.state)).toBe(true);
        if (isActive(life.container)) expect(isTerminal(life.status.state)).toBe(false);
        expect(life.status.own?.attempts.length ?? 0).toBeLessThanOrEqual(rules.maxAttempts);
      }
    }),
  );
});
