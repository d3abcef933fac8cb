import { connect, type Socket } from 'node:net';

/*
 * How manager and agents look whether a host lives: both sides must mean the same by an answer, so it is here.
 */

/**
 * `accepted`: the host's kernel took the connection, as it does while the process behind it is stalled.
 * `refused`: the kernel answered that nobody listens. Either way the host lives.
 * `silent`: nothing came back. `unknown`: the prober itself could not look, or was stalled while it did.
 */
export const hostAnswers = ['accepted', 'refused', 'silent', 'unknown'] as const;
export type HostAnswer = (typeof hostAnswers)[number];

/** How long a probe waits for an answer. Hosts of a cluster are nearer to each other than this. */
export const probeMs = 250;
/** A lost packet must not look like a dead host, and TCP itself repeats only after a second: each try is a connection. */
export const probeTriesAtMs = [0, 50, 100, 150, 200];
/** A prober that comes so much too late to its own deadline was stalled. */
const stalledMs = 250;

/** Tries to reach a port (1 … 65,535) of a host, given by its IP address. Takes `probeMs`; never rejects. */
export function probeHost(host: string, port: number): Promise<HostAnswer> {
  const from = performance.now();
  return new Promise((resolve) => {
    const sockets: Socket[] = [];
    let ownFault = false;
    const end = (answer: HostAnswer) => {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      resolve(answer);
    };
    const attempt = () => {
      const socket = connect({ host, port });
      sockets.push(socket);
      socket.once('connect', () => end('accepted'));
      socket.on('error', ({ code }: NodeJS.ErrnoException) => {
        if (code === 'ECONNREFUSED' || code === 'ECONNRESET') end('refused');
        else if (!silence.has(code ?? '')) ownFault = true;
      });
    };
    const judge = () => {
      const late = performance.now() - from - probeMs;
      end(ownFault || late > stalledMs ? 'unknown' : 'silent');
    };
    // Timers come before sockets in a turn of the event loop: answers that wait there are read first.
    const timers = [setTimeout(() => setImmediate(judge), probeMs)];
    for (const ms of probeTriesAtMs.slice(1)) timers.push(setTimeout(attempt, ms));
    attempt();
  });
}

/** What sending to a dead host leads to: no answer, or no answer to the question for its MAC address. */
const silence = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN']);
