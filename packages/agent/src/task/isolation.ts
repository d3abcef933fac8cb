import { isActive } from './container.ts';
import { type Plan, stop, type TaskView } from './plan.ts';
import { isFinal } from './status.ts';

/** A lease runs for so long from the sending of a beat that the manager answered. */
export const leaseMs = 10_000;
/** After it, what still runs is killed: well before the 15 s after which the manager lets another copy start. */
const graceMs = 3_000;

export const cutOff = 'stopped: no contact with the manager for 10 s (shoal.isolation=stop)';

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
    const left = over ? Math.max(0, leaseUntil + graceMs - now) : graceMs;
    const timeoutMs = Math.min(left, container.stopTimeoutMs);
    return {
      kind: 'step',
      step: { action: 'stop', id: container.id, timeoutMs, isolated: true },
      status: isFinal(status.state) ? status : { ...status, err: cutOff },
    };
  }
  if (wanted === 'ready' || wanted === 'running') return undefined;
  const step =
    wanted === 'gone' ? { ...stop(container), isolated: true as const } : stop(container, assignment);
  return { kind: 'step', step, status };
}
