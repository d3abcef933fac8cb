import type { LoadSlot } from '../load/index.ts';
import type { DrillEvent } from './view.ts';

/** All that was seen of one drill, from which figures, verdicts and pictures are made. Times: milliseconds since 1970. */
export interface DrillRecord {
  readonly drill: string;
  /** Host name of what was struck. */
  readonly victim: string;
  /** All hosts that could take tasks when the drill began. */
  readonly hosts: readonly string[];
  readonly desired: number;
  /** Tasks that served before the strike. */
  readonly before: readonly string[];
  readonly beginMs: number;
  readonly endMs: number;
  readonly events: readonly DrillEvent[];
  readonly slots: readonly LoadSlot[];
  /** Why the first fifty failed requests failed. */
  readonly failures: readonly Failure[];
  /** Good answers, in the order in which they came, with the replica that gave them. */
  readonly answers: readonly Answer[];
  /** Running containers of the service at the end; undefined where nobody may look at the hosts' own daemons. */
  readonly containers: readonly { readonly host: string; readonly task: string }[] | undefined;
}

/** Requests that failed for the same reason. */
export interface Failure {
  readonly why: string;
  /** Address of the host that was asked. */
  readonly through: string;
  readonly count: number;
  /** When the first and the last of them were sent. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface Answer {
  /** When it was asked for. */
  readonly atMs: number;
  readonly by: string;
}

/** When the drill did it; undefined if it never did. */
export const markAt = ({ events }: DrillRecord, mark: 'struck' | 'healed'): number | undefined =>
  events.find((event) => event.type === 'mark' && event.mark === mark)?.atMs;
