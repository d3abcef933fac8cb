import { setTimeout as sleep } from 'node:timers/promises';

/** A socket that serves. */
export interface OpenSocket {
  /** Resolves when the socket is of no use any more. */
  readonly lost: Promise<string>;
  /** Resolves if the socket answers, rejects if it does not. */
  probe(): Promise<unknown>;
  close(): void;
}

export interface KeepOptions {
  readonly signal: AbortSignal;
  /** After each try to open: the socket is open, or why it is not. */
  readonly onTried: (error: string | undefined) => void;
  readonly onLost: (reason: string) => void;
}

/** The address comes with its bridge, and the port is free once an agent before us has ended. */
const retryMs = 500;
/** A socket that dies as soon as it is open must not keep a core busy. */
const reopenMs = 100;
/** With two probes of a second each, a dead socket is found within 4 s. */
const probeEveryMs = 2_000;

/**
 * Opens a socket and keeps it open until aborted. A killed socket does not always tell: a listening one
 * closed from outside (`ss -K`) raises no event, so it is asked now and then.
 */
export async function keepOpen(open: () => Promise<OpenSocket>, options: KeepOptions): Promise<void> {
  const { signal, onTried, onLost } = options;
  while (!signal.aborted) {
    try {
      const socket = await open();
      onTried(undefined);
      const reason = await watch(socket, signal);
      socket.close();
      if (reason === undefined) continue;
      onLost(reason);
      await pause(reopenMs, signal);
    } catch (error) {
      onTried(messageOf(error));
      await pause(retryMs, signal);
    }
  }
}

/** Resolves to why the socket is lost; undefined when aborted. */
async function watch(socket: OpenSocket, signal: AbortSignal): Promise<string | undefined> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const reason = await Promise.race([socket.lost, probeUntilDead(socket, either)]);
  stop.abort();
  return signal.aborted ? undefined : reason;
}

async function probeUntilDead({ probe }: OpenSocket, signal: AbortSignal): Promise<string | undefined> {
  while (!signal.aborted) {
    await pause(probeEveryMs, signal);
    if (signal.aborted) break;
    try {
      await probe().catch(probe);
    } catch (error) {
      return messageOf(error);
    }
  }
  return undefined;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
