import { isTerminal, isWantedState, leaseGraceMs } from '@shoal/proto/rules';
import { isActive } from './container.ts';
import { type Plan, stop, type TaskView } from './step.ts';

export const cutOff = 'stopped: no contact with the manager (shoal.isolation=stop)';

/**
 * What comes before all else for a task that may run only with a lease, while it runs: it stops when the lease has
 * ended, also if another one has begun by then, and when the manager wants it to. It does not wait for a daemon that
 * says nothing.
 */
export function stopIsolated(task: TaskView): Plan | undefined {
  const { assignment, container, memory, wanted, now, leaseUntil } = task;
  if (!assignment?.isolated || !container || !isActive(container)) return undefined;
  const { status } = memory;
  const over = now >= leaseUntil;
  if (over || status.err === cutOff) {
    const left = over ? Math.max(0, leaseUntil + leaseGraceMs - now) : leaseGraceMs;
    const timeoutMs = Math.min(left, container.stopTimeoutMs);
    return {
      kind: 'step',
      step: { action: 'stop', id: container.id, timeoutMs, isolated: true },
      status: isTerminal(status.state) ? status : { ...status, err: cutOff },
    };
  }
  if (wanted !== 'gone' && isWantedState(wanted)) return undefined;
  const step =
    wanted === 'gone' ? { ...stop(container), isolated: true as const } : stop(container, assignment);
  return { kind: 'step', step, status };
}
