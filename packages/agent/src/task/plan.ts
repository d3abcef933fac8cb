import type { Assignment } from '@shoal/proto';
import { compareStates, isTerminal, isWantedState } from '@shoal/proto/rules';
import { bodyOf } from './body.ts';
import { answersOf, canaryQuestion, withVerdict } from './canary.ts';
import { type Container, isActive } from './container.ts';
import { ended, exited, outsideCauseOf, unhealthyText, unknownExitCode } from './ends.ts';
import { cutOff, stopIsolated } from './isolation.ts';
import { areSame, lacks, limitsOf } from './limits.ts';
import { attempted, ownRestart, resumed } from './own-restarts.ts';
import { hasPassed, probeAt } from './probing.ts';
import { readinessOf, readyQuestion, runningStatus } from './readiness.ts';
import { advance, alive, isUnfit, type Status, statusOf } from './status.ts';
import { type Memory, type Plan, type Step, type StepOf, stop, type TaskView } from './step.ts';

/** What is true of a task and what can be done for it now. */
export function plan(task: TaskView): Plan {
  const { memory, wanted, container } = task;
  const ending = stopIsolated(task);
  if (ending) return ending;
  if (memory.stale) return { kind: 'step', step: { action: 'observe' }, status: memory.status };
  if (wanted === 'gone') {
    const step = clearAway(container);
    return step ? { kind: 'step', step, status: memory.status } : { kind: 'forget' };
  }
  const judged = judge(task);
  const unread = unreadLog(task, judged);
  if (unread) return { kind: 'step', step: unread, status: memory.status };
  const alone = restartAlone(task, judged);
  if (alone) return alone;
  const status = advance(memory.status, withLimits(withRestarts(judged, task), task));
  const next = work(task, status);
  if (next === filesUnknown)
    return { kind: 'wait', reason: next, status: { ...status, message: `waiting: ${next}` } };
  if (typeof next !== 'string') return { kind: 'step', step: next, status };
  const probe = nextProbe(task, judged, status) ?? nextQuestion(task, status);
  if (!probe) return { kind: 'wait', reason: next, status };
  const { step, at } = probe;
  return at <= task.now ? { kind: 'step', step, status } : { kind: 'wait', reason: next, status, until: at };
}

/** What a container wrote last says more than its exit code, and the manager tells people. */
function unreadLog(
  { container, memory: { status, lastLines }, aloneSince }: TaskView,
  judged: Status,
): StepOf<'readLog'> | undefined {
  const isNews = judged.state === 'failed' && !isTerminal(status.state);
  if (!isNews || lastLines !== undefined || aloneSince !== undefined) return undefined;
  const ended = container?.phase === 'exited' || container?.phase === 'dead';
  // Whose exit code nobody saw ended without a daemon, which may be away still.
  return ended && container.exitCode !== unknownExitCode
    ? { action: 'readLog', id: container.id }
    : undefined;
}

/** The next probe of a task that waits only for its health check, and so serves nobody yet. */
function nextProbe(
  { container, assignment, memory: { probing } }: TaskView,
  judged: Status,
  status: Status,
): { readonly step: StepOf<'probe'>; readonly at: number } | undefined {
  const check = container?.check;
  const serves = status.state === 'running' && !isUnfit(status);
  if (!container || !check || judged.state !== 'starting' || serves) return undefined;
  const at = probeAt(probing, container);
  // Daemons before Docker 25 forget what the service says.
  const asked = ((assignment && bodyOf(assignment).Healthcheck?.StartInterval) ?? 0) / 1e6;
  const startIntervalMs = check.startIntervalMs || asked;
  return at === undefined
    ? undefined
    : { step: { action: 'probe', id: container.id, check: { ...check, startIntervalMs } }, at };
}

/** What to ask next a task that runs, or would but for the answer, and when. */
function nextQuestion(
  { container, assignment, memory }: TaskView,
  status: Status,
): { readonly step: StepOf<'ask'>; readonly at: number } | undefined {
  if (container?.phase !== 'running' || isStarting(memory, container)) return undefined;
  if (isTerminal(status.state) || container.health === 'unhealthy') return undefined;
  const { ready, canary } = assignment ?? {};
  const readyAt = ready && readinessOf(memory.readiness, container, memory.status).nextAt;
  const canaryAt =
    canary && status.state === 'running' ? answersOf(memory.canary, container).nextAt : undefined;
  if (canary && canaryAt !== undefined && canaryAt < (readyAt ?? Number.POSITIVE_INFINITY))
    return {
      step: { action: 'ask', container, question: canaryQuestion(canary), about: 'canary' },
      at: canaryAt,
    };
  if (!ready || readyAt === undefined) return undefined;
  return {
    step: { action: 'ask', container, question: readyQuestion(ready), about: 'readiness' },
    at: readyAt,
  };
}

/** The state in which a task is while a step is at work. */
export function statusDuring(step: Step, before: Status): Status {
  if (step.action === 'pull' || step.action === 'create') return advance(before, statusOf('preparing'));
  if (step.action !== 'start') return before;
  return advance(before, {
    ...before,
    ...statusOf('starting', { err: before.err }),
    container: { id: step.id, pid: 0, exitCode: 0 },
  });
}

/**
 * While the manager is away this host follows the restart policy itself: the same container is started again, and
 * meanwhile the task has not ended, but gets no traffic. A task that the manager knows to have ended is left for it to replace, and so is
 * one whose secrets nobody but the manager knows any more, since the host was booted.
 */
function restartAlone(
  { wanted, assignment, container, memory: { status, told }, now, aloneSince, lacksFiles }: TaskView,
  { state, err }: Status,
): Plan | undefined {
  const policy = assignment?.restart;
  if (aloneSince === undefined || wanted !== 'running' || !policy || lacksFiles) return undefined;
  if (state !== 'complete' && state !== 'failed') return undefined;
  if (!container || isActive(container) || (isTerminal(status.state) && told)) return undefined;
  const restart = ownRestart(policy, state, status.own, { now, aloneSince });
  if (!restart) return undefined;
  const { own, startAt } = restart;
  const restarting = statusOf(isTerminal(status.state) ? 'starting' : status.state, {
    err: `${err || 'task: finished'}; its host starts it again, since the manager is away`,
    own,
    container: { id: container.id, pid: 0, exitCode: container.exitCode },
  });
  if (now < startAt)
    return { kind: 'wait', reason: 'to be started again by its host', status: restarting, until: startAt };
  const step = { action: 'start', id: container.id } as const;
  return { kind: 'step', step, status: { ...restarting, own: attempted(own, policy, now) } };
}

/** Keeps in mind how often this host started it again, and says so while it runs. */
function withRestarts(status: Status, { container, memory }: TaskView): Status {
  const { own } = memory.status;
  if (!own) return status;
  const now = container && isActive(container) ? resumed(own) : own;
  if (own.count === 0 || status.state !== 'running' || status.err) return { ...status, own: now };
  const times = own.count === 1 ? 'once' : `${own.count} times`;
  const message = `started; ${times} again by its host while the manager was away`;
  return { ...status, message, own: now };
}

/** Says of a task that runs why it does so with the limits it had before. */
function withLimits(status: Status, { assignment, memory: { limits } }: TaskView): Status {
  if (status.state !== 'running' || limits?.refused === undefined || !assignment) return status;
  if (!areSame(limits.asked, limitsOf(assignment))) return status;
  return { ...status, limitsRefused: limits.refused };
}

function judge({ wanted, container, memory, assignment }: TaskView): Status {
  const { status, refused } = memory;
  const stopping = wanted !== 'ready' && wanted !== 'running';
  if (status.err === cutOff) return { ...ended('shutdown', container, cutOff), cutOff: true };
  if (refused !== undefined) return refusal(status, refused, container);
  if (stopping) {
    if (container && isActive(container)) return status;
    return ended('shutdown', container, container && outsideCauseOf(container, memory));
  }
  if (!container) return missing(status);
  switch (container.phase) {
    case 'created':
      return container.error ? notStarted(container.error, container) : statusOf('ready', alive(container));
    case 'running':
    case 'paused':
    case 'restarting':
      return running(memory, container, assignment);
    case 'removing':
      return status;
    case 'exited':
    case 'dead':
      return exited(container, memory);
  }
}

function refusal(status: Status, reason: string, container: Container | undefined): Status {
  return compareStates(status.state, 'starting') < 0
    ? statusOf('rejected', { err: reason })
    : notStarted(reason, container);
}

const notStarted = (reason: string, container: Container | undefined): Status => ({
  ...ended('failed', container, `starting container failed: ${reason}`, 'starting'),
  startRefused: true,
});

function missing(status: Status): Status {
  return compareStates(status.state, 'ready') < 0
    ? status
    : { ...ended('failed', undefined, 'task: container was removed by someone else'), ...kept(status) };
}

/** Its health check has not passed yet. */
const isStarting = ({ probing }: Memory, container: Container): boolean =>
  container.health === 'starting' && !hasPassed(probing, container);

function running(memory: Memory, container: Container, assignment: Assignment | undefined): Status {
  const { status, unhealthy, readiness, canary } = memory;
  if (isStarting(memory, container)) return statusOf('starting', alive(container));
  if (container.health !== 'unhealthy') {
    const isReady = runningStatus(container, assignment?.ready, readiness, status);
    return withVerdict(isReady, assignment?.canary, answersOf(canary, container));
  }
  // About to be stopped. It has not ended before it has: its ports, addresses and memory are taken until then. The
  // error tells the manager to give it no more traffic.
  const state = compareStates(status.state, 'running') < 0 ? 'starting' : 'running';
  return statusOf(state, {
    ...alive(container),
    err: unhealthy ?? unhealthyText(container.lastProbe),
    unhealthy: true,
  });
}

const kept = ({ container }: Status): Partial<Status> => (container ? { container } : {});

const filesUnknown = 'the manager has to say what its secrets and configs hold';

/** A string is the reason to wait. */
function work(task: TaskView, status: Status): Step | string {
  const { wanted, assignment, container, memory } = task;
  const over = isTerminal(status.state) || !(wanted !== 'gone' && isWantedState(wanted));
  // Also when someone else started again what had ended: a task runs once.
  if (over) return container && isActive(container) ? stop(container, assignment) : 'it has ended';
  if (!assignment) return 'nobody said what it is';
  if (!container) {
    if (!memory.pulled)
      return { action: 'pull', image: bodyOf(assignment).Image, auth: assignment.registryAuth };
    if (task.lacksFiles) return filesUnknown;
    return { action: 'create', assignment, pullError: memory.pulled.error };
  }
  if (container.phase === 'created') {
    if (wanted !== 'running') return 'prepared, to be started later';
    const known = task.isCurrent && task.now < task.leaseUntil;
    if (assignment.isolated && !known) return 'to be started in contact with the manager';
    if (task.lacksFiles) return filesUnknown;
    return { action: 'start', id: container.id };
  }
  if (container.health === 'unhealthy') return stop(container, assignment);
  if (container.phase === 'removing') return 'someone removes its container';
  const limiting = newLimits(container, assignment, memory);
  if (limiting) return limiting;
  if (status.state !== 'starting') return 'it runs';
  return isStarting(memory, container) ? 'its health check has not passed yet' : 'it is not ready yet';
}

/** Limits that its service was given since the container was made. What was refused once is not asked for again. */
function newLimits(
  { id, phase, limits: present }: Container,
  assignment: Assignment,
  { limits: before }: Memory,
): Step | undefined {
  const limits = limitsOf(assignment);
  if (phase !== 'running' && phase !== 'paused') return undefined;
  if (!lacks(present, limits) || (before && areSame(before.asked, limits))) return undefined;
  return { action: 'limit', id, limits, present };
}

function clearAway(container: Container | undefined): Step | undefined {
  if (!container) return undefined;
  if (isActive(container)) return stop(container);
  return { action: 'remove', id: container.id };
}
