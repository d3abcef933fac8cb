import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { HollowAgent } from '../../../../agent/src/hollow-agent.ts';
import { Change, type Changes } from '../../../../proto/src/index.ts';
import type { Answer, Received, Request, Start, StopDead } from './host-processes.ts';

/*
 * A process full of hollow hosts. Each has an address of its own on the loopback network, with a probe port on which
 * the kernel answers as long as the process exists; and each looks for the manager whether another host lives by really
 * trying to reach it.
 */

/**
 * Agents of this process that may be on their way to their first welcome at a time. Each makes three connections, and
 * gives one up that does not stand after 5 s: on a busy machine many at once would only keep each other from joining.
 */
const mostJoining = 8;
/** How often the parent is told how far everything is. */
const tellMs = 100;
/** A stopped process ends itself after this, should nobody else do it. */
const mostStoppedMs = 180_000;
/** What a message costs on top of its body: gRPC's prefix, HTTP/2's frame header, and its own first fields. */
const framingBytes = 5 + 9 + 6;

const agents: HollowAgent[] = [];
const ports: Server[] = [];
let received: (Received & { endpoint: Set<number>; slice: Set<number> }) | undefined;

process.on('message', (request: Request) => {
  if (request.what === 'start') void start(request);
  else if (request.what === 'record') record();
  else stopDead(request);
});
// The parent is gone, whatever became of it.
process.on('disconnect', () => process.exit(0));

async function start({ first, count, manager, joinToken, probePort, backlog }: Start): Promise<void> {
  for (let index = first; index < first + count; index++) {
    const address = addressOf(index);
    const port = createServer((socket) => socket.destroy()).listen({
      host: address,
      port: probePort,
      backlog,
    });
    ports.push(port);
    await once(port, 'listening');
    while (agents.filter(({ confirmedAt }) => confirmedAt === undefined).length >= mostJoining)
      await sleep(5);
    agents.push(
      new HollowAgent({
        hostname: `hollow${index}`,
        manager,
        joinToken,
        address,
        probePort,
        onChanges: (changes) => note(index, changes),
        onRunning: () => {
          if (received) received.reportedAt = now();
        },
      }),
    );
  }
}

setInterval(() => {
  let connected = 0;
  let running = 0;
  for (const agent of agents) {
    if (agent.confirmedAt !== undefined) connected++;
    running += agent.running.size;
  }
  tell({ what: 'count', connected, running });
}, tellMs);

/** Tells what came since the last time, and begins anew. */
function record(): void {
  if (received) {
    const { endpoint, slice, ...rest } = received;
    tell({ what: 'received', ...rest, endpointReceivers: endpoint.size, sliceReceivers: slice.size });
  }
  received = {
    messages: 0,
    bytes: 0,
    reportedAt: 0,
    endpointAt: 0,
    sliceAt: 0,
    endpointReceivers: 0,
    sliceReceivers: 0,
    endpoint: new Set(),
    slice: new Set(),
  };
}

function note(index: number, { changes }: Changes): void {
  if (!received) return;
  received.messages++;
  received.bytes += framingBytes;
  for (const bytes of changes) {
    received.bytes += bytes.length + (bytes.length < 128 ? 2 : 3);
    const { kind } = Change.decode(bytes);
    if (kind !== 'endpoint' && kind !== 'slice') continue;
    received[kind].add(index);
    received[`${kind}At`] = now();
  }
}

/** As a host without power: its connections stay open, and nobody answers any more. */
function stopDead({ mark }: StopDead): void {
  // Nothing comes between this and the stop: not even a connection that waits to be accepted.
  writeFileSync(mark, '');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, mostStoppedMs);
  process.exit(0);
}

const addressOf = (index: number): string => `127.${64 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

/** The same clock in all processes of a machine, ms. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function tell(answer: Answer): void {
  if (process.connected) process.send?.(answer);
}
