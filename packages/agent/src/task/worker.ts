import { setTimeout as sleep } from 'node:timers/promises';
import type { Assignment } from '@shoal/proto';
import { isTerminal } from '@shoal/proto/rules';
import type { Logger } from 'pino';
import { answered, answersOf } from './canary.ts';
import { type Container, isActive, type ListedContainer } from './container.ts';
import type { Refused, TaskFiles } from './daemon.ts';
import { unknownExitCode } from './ends.ts';
import { type Outcome, refusalOf, type StepContext } from './execute.ts';
import { cutOff } from './isolation.ts';
import { areSame, limitsOf } from './limits.ts';
import { plan, statusDuring } from './plan.ts';
import { tried } from './probing.ts';
import { readinessOf, tried as readyTried } from './readiness.ts';
import { type Status, statusOf } from './status.ts';
import type { Memory, Step, StepOf, TaskView, Wanted } from './step.ts';

/** Waits after steps that failed: doubled each time, between these. */
const firstRetryMs = 250;
const longestRetryMs = 8_000;
/** A task in order takes fewer steps between two rests; more means that steps don't do what they should. */
const stepsWithoutRest = 10;
/** Steps that are cut short when something happens. */
const givingWay: ReadonlySet<Step['action']> = new Set(['probe', 'ask', 'limit']);
/** 128 and the number of SIGKILL. */
const killedExitCode = 137;
/** No timer of Node.js is set for longer; then it plans again, and goes on waiting. */
const longestTimerMs = 24 * 3_600_000;

export interface WorkerOptions {
  readonly execute: (step: Step, context: StepContext) => Promise<Outcome>;
  readonly files: Pick<TaskFiles, 'has' | 'put'>;
  readonly find: (idOrName: string) => Promise<Container | undefined>;
  /** Called with each new status, in order. */
  readonly onStatus: (status: Status) => void;
  /** Called once, when nothing is left of the task. */
  readonly onForget: () => void;
  /** Milliseconds since the epoch, of a clock that never jumps. */
  readonly clock: () => number;
  /** Since when there is no contact with the manager. */
  readonly aloneSince: () => number | undefined;
  /** Whether the manager has said in the present session what it wants. */
  readonly isCurrent: () => boolean;
  /** Until when isolated tasks may run. */
  readonly leaseUntil: () => number;
  readonly log: Logger;
}

/** Brings one task where it is wanted: one step at a time, each planned from what is known then. */
export class TaskWorker {
  readonly #options: WorkerOptions;
  #assignment: Assignment | undefined;
  #wanted: Wanted = 'gone';
  #container: Container | undefined;
  #memory: Memory;
  #step: { readonly action: Step['action']; readonly abort: AbortController } | undefined;
  #pause: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #listedId: string | undefined;
  #running = false;
  #open = false;

  /** @param status what was last said about the task, by this agent or one before it on this host */
  constructor(options: WorkerOptions, status: Status = statusOf('accepted')) {
    this.#options = options;
    this.#memory = { status, stale: false, told: isTerminal(status.state) };
  }

  get isolated(): boolean {
    return this.#assignment?.isolated ?? false;
  }

  /** It has secrets or configs. */
  get hasFiles(): boolean {
    return (this.#assignment?.files.length ?? 0) > 0;
  }

  get status(): Status {
    return this.#memory.status;
  }

  /** `gone` without an assignment: the container is stopped and removed. */
  want(wanted: Wanted, assignment?: Assignment): void {
    const changed = wanted !== this.#wanted;
    const before = this.#assignment;
    this.#wanted = wanted;
    if (assignment) this.#assignment = assignment;
    if (changed && wanted !== 'ready' && wanted !== 'running') this.#step?.abort.abort();
    const limited = before && assignment && !areSame(limitsOf(before), limitsOf(assignment));
    const asked = before && assignment && questionsOf(before) !== questionsOf(assignment);
    if (asked) this.#forget('readiness', 'canary');
    if (changed || limited || asked) this.wake();
  }

  /** The manager has accepted the present status. */
  accepted(): void {
    this.#memory = { ...this.#memory, told: true };
  }

  /** The lease has ended: a task that must not run without one stops, though there may be another soon. */
  cutOff(): void {
    if (!this.#assignment?.isolated) return;
    const runs = this.#step?.action === 'start' || (this.#container && isActive(this.#container));
    if (runs && !isTerminal(this.status.state)) this.#say({ ...this.status, err: cutOff });
    this.#step?.abort.abort();
    this.wake();
  }

  /** From now on it acts. Before, what exists on the host isn't known, and nothing may be concluded. */
  open(): void {
    this.#open = true;
    this.wake();
  }

  /** Ends after the step under way. */
  close(): void {
    this.#open = false;
    this.#step?.abort.abort();
    this.#pause?.abort();
    clearTimeout(this.#timer);
  }

  /** Something happened to the container: `event` is Docker's name for it. */
  hint(event: string): void {
    // We did that ourselves, or have seen it already.
    if (event === 'start' && (this.#step?.action === 'start' || this.#container?.phase === 'running')) return;
    this.#memory = { ...this.#memory, stale: true };
    this.#giveWay();
    this.wake();
  }

  /** Its processes are gone, and its daemon is too: what else there is to know comes with the daemon, and changes nothing. */
  died(): void {
    const known = this.#container;
    if (!known || (!isActive(known) && known.exitCode !== unknownExitCode)) return;
    this.#container = { ...known, phase: 'exited', pid: 0, exitCode: unknownExitCode };
    this.#memory = { ...this.#memory, stale: false };
    this.#giveWay();
    this.wake();
  }

  /** Ends a probe or a question, which may hang, and what happened may be the daemon's own verdict; and limits that wait behind starts. */
  #giveWay(): void {
    if (this.#step && givingWay.has(this.#step.action)) this.#step.abort.abort();
  }

  /** The daemon is away, and its containers don't run without it: who finds this one ended doesn't know why. */
  unwatched(): void {
    if (this.#container && isActive(this.#container)) this.#memory = { ...this.#memory, unwatched: true };
  }

  /** Compares with a list that may be a little older than what is known: a difference is a reason to look. */
  compare(listed: ListedContainer | undefined): void {
    this.#listedId = listed?.id;
    const known = this.#container;
    const same =
      listed?.id === known?.id &&
      listed?.phase === known?.phase &&
      (listed?.phase !== 'running' || listed.health === known?.health);
    // The daemon is back, and the container survived.
    if (listed && isActive(listed)) this.#forget('unwatched');
    // During a step the list is older than what the step will say.
    if (!same && !this.#step) this.hint('list');
  }

  /** Cuts a pause short and plans again. */
  wake(): void {
    clearTimeout(this.#timer);
    this.#pause?.abort();
    if (!this.#open || this.#running) return;
    this.#running = true;
    this.#run().catch((error) => this.#options.log.error({ err: error }, 'task worker failed'));
  }

  async #run(): Promise<void> {
    let failures = 0;
    try {
      for (let steps = 0; this.#open; steps += 1) {
        const next = plan(this.#view());
        if (next.kind === 'forget') return this.#end();
        this.#say(next.status);
        if (next.kind === 'wait') return this.#wait(next.reason, next.until);
        failures = (await this.#perform(next.step, failures)) ? 0 : failures + 1;
        await this.#rest(Math.max(failures, steps - stepsWithoutRest));
      }
    } finally {
      // In the same turn as the decision to rest: a hint right after it starts a new run.
      this.#running = false;
    }
  }

  #wait(reason: string, until: number | undefined): void {
    this.#options.log.debug({ reason }, 'task waits');
    if (until === undefined || !Number.isFinite(until)) return;
    const ms = Math.min(Math.max(0, until - this.#options.clock()), longestTimerMs);
    this.#timer = setTimeout(() => this.wake(), ms);
  }

  #end(): void {
    this.#open = false;
    this.#options.onForget();
  }

  #view(): TaskView {
    const aloneSince = this.#options.aloneSince();
    return {
      wanted: this.#wanted,
      memory: this.#memory,
      now: this.#options.clock(),
      isCurrent: this.#options.isCurrent(),
      leaseUntil: this.#options.leaseUntil(),
      lacksFiles: this.#assignment !== undefined && !this.#options.files.has(this.#assignment),
      ...(aloneSince !== undefined && { aloneSince }),
      ...(this.#assignment && { assignment: this.#assignment }),
      ...(this.#container && { container: this.#container }),
    };
  }

  /** False when the step has to be tried again later; `failures` tries before it went wrong. */
  async #perform(step: Step, failures: number): Promise<boolean> {
    const abort = new AbortController();
    this.#step = { action: step.action, abort };
    // What the daemon had against the last start may be over.
    if (step.action === 'start') this.#forget('refused', 'unhealthy', 'unwatched', 'lastLines');
    if (step.action === 'stop' && step.unhealthy !== undefined)
      this.#memory = { ...this.#memory, unhealthy: step.unhealthy };
    const context: StepContext = {
      signal: abort.signal,
      begin: () => this.#say(statusDuring(step, this.status)),
      look: () => this.#look(),
    };
    const from = this.#options.clock();
    let passed = false;
    try {
      const refused = await this.#putFiles(step);
      const outcome: Outcome = refused
        ? { refused: refused.message }
        : await this.#options.execute(step, context);
      this.#learn(outcome);
      if (step.action === 'ask') this.#asked(step, from, outcome);
      passed = outcome.passed ?? false;
      return true;
    } catch (error) {
      this.#memory = { ...this.#memory, stale: true };
      if (abort.signal.aborted) return true;
      const reason = error instanceof Error ? error.message : String(error);
      // Said once: the other failures of an outage say the same.
      this.#options.log[failures === 0 ? 'warn' : 'debug'](
        { reason, step: step.action },
        'step failed, trying again',
      );
      return false;
    } finally {
      this.#step = undefined;
      if (step.action === 'probe') this.#probed(step, from, passed);
    }
  }

  /** Makes the files that its container mounts. Why this host can't, if it can't. */
  async #putFiles({ action }: Step): Promise<Refused | undefined> {
    if ((action !== 'create' && action !== 'start') || !this.#assignment) return undefined;
    return refusalOf(this.#options.files.put(this.#assignment));
  }

  /** Also when it was cut short: it was a try all the same. */
  #probed({ check }: StepOf<'probe'>, from: number, passed: boolean): void {
    if (!this.#container) return;
    const to = this.#options.clock();
    const probing = tried(this.#memory.probing, this.#container, check, { from, to, passed });
    this.#memory = { ...this.#memory, probing };
  }

  #asked({ container, about }: StepOf<'ask'>, from: number, { wrong: why = '' }: Outcome): void {
    const { ready, canary: check } = this.#assignment ?? {};
    const answer = { from, to: this.#options.clock(), why };
    if (about === 'readiness' && ready) {
      const before = readinessOf(this.#memory.readiness, container, this.status);
      this.#memory = { ...this.#memory, readiness: readyTried(before, ready, answer) };
    }
    if (about === 'canary' && check) {
      const before = answersOf(this.#memory.canary, container);
      this.#memory = { ...this.#memory, canary: answered(before, check, answer) };
    }
  }

  /** Hints that come while the daemon answers are newer than its answer. */
  #look(): Promise<Container | undefined> {
    this.#memory = { ...this.#memory, stale: false };
    const idOrName = this.#container?.id ?? this.#listedId ?? this.#assignment?.containerName;
    return idOrName === undefined ? Promise.resolve(undefined) : this.#options.find(idOrName);
  }

  #forget(...keys: ('refused' | 'unhealthy' | 'unwatched' | 'lastLines' | 'readiness' | 'canary')[]): void {
    const memory = { ...this.#memory };
    for (const key of keys) delete memory[key];
    this.#memory = memory;
  }

  #learn({ container, stale, pulled, refused, limits, lastLines, killed }: Outcome): void {
    if (container !== undefined) this.#container = container ?? undefined;
    if (container && isActive(container)) {
      this.#forget('unwatched');
      // It was not stopped, after all.
      if (container.health !== 'unhealthy') this.#forget('unhealthy');
    }
    if (killed && this.#container) {
      this.#container = { ...this.#container, phase: 'exited', pid: 0, exitCode: killedExitCode };
      // The daemon may not be there to ask.
      this.#memory = { ...this.#memory, stale: false };
    }
    this.#memory = {
      ...this.#memory,
      ...(stale && { stale }),
      ...(pulled && { pulled }),
      ...(refused !== undefined && { refused }),
      ...(limits && { limits }),
      ...(lastLines !== undefined && { lastLines }),
    };
  }

  #say(status: Status): void {
    if (JSON.stringify(status) === JSON.stringify(this.#memory.status)) return;
    if (status.state !== this.#memory.status.state)
      this.#options.log.info(
        { state: status.state, ...(status.err && { reason: status.err }) },
        'task state',
      );
    const restarts = status.own?.count ?? 0;
    if (restarts > (this.#memory.status.own?.count ?? 0))
      this.#options.log.warn({ restarts, reason: status.err }, 'started again without the manager');
    this.#memory = { ...this.#memory, status, told: false };
    this.#options.onStatus(status);
  }

  async #rest(tries: number): Promise<void> {
    if (tries <= 0 || !this.#open) return;
    const pause = new AbortController();
    this.#pause = pause;
    const ms = Math.min(firstRetryMs * 2 ** (tries - 1), longestRetryMs);
    await sleep(ms, undefined, { signal: pause.signal }).catch(() => {});
    this.#pause = undefined;
  }
}

const questionsOf = ({ ready, canary }: Assignment): string => JSON.stringify([ready, canary]);
