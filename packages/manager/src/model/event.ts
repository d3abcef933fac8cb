/** What people are told of, as it is stored. Never changed; the oldest goes when there are more than are kept. */
export interface Event {
  /** Its number in the log, from 1. */
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  /** Microseconds since the epoch: later than that of every event before it. */
  readonly atUs: number;
  /** The rest is Docker's. */
  readonly Type: 'service' | 'node' | 'network' | 'secret' | 'config' | 'container' | 'daemon';
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: 'swarm' | 'local';
}

/** How far something has come: the log of events itself (`logMark`), or what is taken of one node's containers. */
export interface EventMark {
  /** The node's id, or `logMark`. */
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  /** Microseconds since the epoch, by the log's time or the node's own: that of the newest event. */
  readonly untilUs: number;
  /** Of the log: how many events there have been. */
  readonly count: number;
}

export const logMark = 'log';
