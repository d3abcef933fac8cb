import { setTimeout as sleep } from 'node:timers/promises';
import type { Assignment, TaskAttachment } from '@shoal/proto';
import { bodyOf } from './body.ts';
import type { Check, Container, Question } from './container.ts';
import { type ContainerDaemon, Refused } from './daemon.ts';
import type { Limiter } from './limiter.ts';
import type { Action, Endpoint, Limiting, Step, StepOf } from './step.ts';

/** What a step found out; absent fields stay as they were. */
export interface Outcome {
  /** Null: the task has no container. */
  readonly container?: Container | null;
  readonly stale?: true;
  readonly pulled?: { readonly error: string };
  readonly refused?: string;
  /** The health check passed, or did not. */
  readonly passed?: boolean;
  /** What was wrong with its answer to a question; empty when nothing was. */
  readonly wrong?: string;
  /** New limits that were asked for, and what the daemon has against them. */
  readonly limits?: Limiting;
  /** The end of its log. */
  readonly lastLines?: string;
  /** All its processes were killed, though the daemon has not said so yet. */
  readonly killed?: true;
}

export interface StepContext {
  /** Fires when the step is no longer wanted; heeded while it only waits. */
  readonly signal: AbortSignal;
  /** Called when waiting is over and the work begins. */
  readonly begin: () => void;
  /** Looks at the task's container now. */
  readonly look: () => Promise<Container | undefined>;
}

type Executors = { readonly [A in Action]: (step: StepOf<A>, context: StepContext) => Promise<Outcome> };

/** A stop waits no longer than this for the manager to withdraw the endpoint: it may be away. */
const withdrawalMs = 2_000;
/** What a daemon may take on top of the grace period to stop an isolated task. */
const daemonMs = 500;

/** What is known of the connections to a task. */
export interface Connections {
  /** Waits until no host gives the task traffic any more, but no longer than `ms`. */
  withdrawn(endpoint: Endpoint, ms: number): Promise<void>;
  /** Waits until none is open any more, but no longer than `ms`. */
  drain(attachments: readonly TaskAttachment[], ms: number): Promise<void>;
}

export interface StepLimits {
  /** Creating and starting: more at a time than the host bears makes all of them slower. */
  readonly starts: Limiter;
  /** Health checks that this agent runs itself, and other commands in containers. One that hangs holds a slot until its timeout. */
  readonly probes: Limiter;
  /** Questions at ports. Of their own, so that no health check waits behind containers that do not answer. */
  readonly questions: Limiter;
  /** Of their own, so that no stop waits behind starts. A slot is held for the grace period. */
  readonly stops: Limiter;
}

/**
 * Does steps. Rejects with Docker's error when a step may be tried again, with the signal's reason when it
 * is no longer wanted; what Docker refuses for good is an outcome.
 */
export function executor(
  daemon: ContainerDaemon,
  network: Connections,
  { starts, probes, questions, stops }: StepLimits,
) {
  const executors: Executors = {
    observe: async (_step, { look }) => ({ container: (await look()) ?? null }),
    pull: async ({ image, auth }, { signal, begin }) => {
      begin();
      return { pulled: { error: await daemon.pull(image, auth, signal) } };
    },
    create: (step, context) => starts.run(() => create(daemon, step, context), context),
    start: async (step, context) => {
      const refused = await starts.run(() => start(daemon, step, context), { ...context, urgent: true });
      if (refused?.reason === 'missing') return { stale: true };
      // The daemon's event says the same, later: the sooner the manager knows, the sooner traffic flows.
      const container = (await context.look()) ?? null;
      return refused ? { refused: refused.message, container } : { container };
    },
    // What cuts a stop short does not wait for the daemon.
    probe: ({ id, check }, { signal }) =>
      orAbort(
        probes.run(() => probe(daemon, id, check, signal), { signal }),
        signal,
      ),
    limit: async (step, context) => {
      const refused = await starts.run(() => limit(daemon, step), { ...context, urgent: true });
      if (refused?.reason === 'missing') return { stale: true };
      const limits = { asked: step.limits, ...(refused && { refused: refused.message }) };
      return { limits, container: (await context.look()) ?? null };
    },
    stop: (step, context) => {
      const stop = async () => {
        context.begin();
        if (step.withdrawal) await network.withdrawn(step.withdrawal, withdrawalMs);
        if (step.drain) await network.drain(step.drain.attachments, step.drain.ms);
        return await (step.isolated ? stopForSure(daemon, step) : stopped(daemon, step));
      };
      const finish = async (done: boolean) =>
        done ? { container: (await context.look()) ?? null } : { killed: true as const };
      // Its time may be cut short, and it does not wait for others.
      return step.isolated
        ? orAbort(stop(), context.signal).then(finish)
        : stops.run(() => stop().then(finish));
    },
    ask: ({ container, question }, { signal }) =>
      orAbort(
        (question.port > 0 ? questions : probes).run(() => ask(daemon, container, question, signal), {
          signal,
        }),
        signal,
      ),
    readLog: async ({ id }) => ({ lastLines: await daemon.lastLines(id) }),
    remove: ({ id }) =>
      stops.run(async () => {
        await daemon.remove(id);
        return { container: null };
      }),
  };
  return <A extends Action>(step: StepOf<A> & Step, context: StepContext): Promise<Outcome> =>
    (executors[step.action] as Executors[A])(step, context);
}

async function stopped(daemon: ContainerDaemon, { id, timeoutMs }: StepOf<'stop'>): Promise<true> {
  await daemon.stop(id, timeoutMs);
  return true;
}

/** False when the daemon did not do it in time, and the processes were killed. */
async function stopForSure(daemon: ContainerDaemon, step: StepOf<'stop'>): Promise<boolean> {
  const late = sleep(step.timeoutMs + daemonMs, false, { ref: false });
  if (await Promise.race([stopped(daemon, step).catch(() => false), late])) return true;
  await daemon.kill(step.id);
  return false;
}

function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', abort));
}

async function create(
  daemon: ContainerDaemon,
  { assignment, pullError }: StepOf<'create'>,
  { begin, look }: StepContext,
): Promise<Outcome> {
  begin();
  try {
    return { container: await daemon.create(assignment) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // The name may be taken by this task's own container, made before this agent was started again.
    const own = error.reason === 'conflict' ? await look() : undefined;
    if (own) return { container: own };
    const noImage = error.reason === 'missing' && pullError !== '' && /no such image/i.test(error.message);
    return { refused: noImage ? pullFailure(pullError, assignment) : error.message };
  }
}

/** What the registry said comes first, as tables cut errors short: that there is no image follows from it. */
function pullFailure(words: string, assignment: Assignment): string {
  const { Image: image } = bodyOf(assignment);
  return words.includes(image) ? words : `${words} (pulling ${image})`;
}

/** Why the daemon did not start it, if it did not. */
function start(
  daemon: ContainerDaemon,
  { id }: StepOf<'start'>,
  { begin }: StepContext,
): Promise<Refused | undefined> {
  begin();
  return refusalOf(daemon.start(id));
}

const limit = (
  daemon: ContainerDaemon,
  { id, limits, present }: StepOf<'limit'>,
): Promise<Refused | undefined> => refusalOf(daemon.limit(id, limits, present));

/** What was refused for good; undefined where nothing was. Rejects with all else. */
export async function refusalOf(work: Promise<void>): Promise<Refused | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

/** What can't even be run has failed. */
async function probe(
  daemon: ContainerDaemon,
  id: string,
  check: Check,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    return { passed: await daemon.probe(id, check, signal) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { passed: false, ...(error.reason !== 'other' && { stale: true }) };
  }
}

/** What can't even be asked has no good answer. */
async function ask(
  daemon: ContainerDaemon,
  container: Container,
  question: Question,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    return { wrong: await daemon.ask(container, question, signal) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { wrong: error.message, ...(error.reason !== 'other' && { stale: true }) };
  }
}
