import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FrameCall, TunnelBroken, TunnelStream, TunnelsClient, TunnelsService } from './index.ts';

const server = new Server();
let client: TunnelsClient;
let onCall: (call: FrameCall) => void;
beforeAll(async () => {
  server.addService(TunnelsService, { open: (call: FrameCall) => onCall(call) });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  client = new TunnelsClient(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterAll(() => {
  client.close();
  server.forceShutdown();
});

/** Both ends of one tunnel over real gRPC: the agent's, which opens it, and the manager's. */
async function aTunnel() {
  const served = new Promise<TunnelStream>((resolve) => {
    onCall = (call) => {
      const stream = new TunnelStream(call, { onHello: () => resolve(stream) });
      stream.on('error', () => undefined);
    };
  });
  const call = client.open();
  const agent = new TunnelStream(call);
  agent.on('error', () => undefined);
  agent.say({ $case: 'hello', value: { id: '1' } });
  return { agent, manager: await served, cancel: () => call.cancel() };
}

const closed = (stream: TunnelStream) =>
  stream.closed ? undefined : once(stream, 'close').catch(() => undefined);

async function read(stream: TunnelStream, pauseMs: number): Promise<string> {
  let text = '';
  // Not by iteration: its end would destroy the other direction too.
  stream.on('data', (chunk) => {
    text += String(chunk);
    if (pauseMs === 0) return;
    stream.pause();
    setTimeout(() => stream.resume(), pauseMs);
  });
  await once(stream, 'end');
  return text;
}

async function write(stream: TunnelStream, parts: readonly string[]): Promise<void> {
  for (const part of parts) if (!stream.write(part)) await once(stream, 'drain');
  await new Promise<void>((resolve) => stream.end(resolve));
}

const parts = fc.array(
  fc.integer({ min: 0, max: 200_000 }).map((size) => 'x'.repeat(size)),
  { maxLength: 8 },
);
const way = fc.record({ parts, pauseMs: fc.nat(2) });

it('moves all bytes both ways, each with its own end, however slow the readers are', async () => {
  await fc.assert(
    fc.asyncProperty(way, way, async (up, down) => {
      const { agent, manager } = await aTunnel();
      const [, , above, below] = await Promise.all([
        write(agent, up.parts),
        write(manager, down.parts),
        read(manager, up.pauseMs),
        read(agent, down.pauseMs),
      ]);
      expect([above, below]).toEqual([up.parts.join(''), down.parts.join('')]);
      await Promise.all([closed(agent), closed(manager)]);
      expect([agent.errored, manager.errored]).toEqual([null, null]);
    }),
    { numRuns: 30 },
  );
}, 30_000);

it('goes on one way after the end of the other', async () => {
  const { agent, manager } = await aTunnel();
  manager.end();
  expect(await read(agent, 0)).toBe('');
  await write(agent, ['still here']);
  expect(await read(manager, 0)).toBe('still here');
});

it('holds a writer back whose reader does not read, and keeps little meanwhile', async () => {
  const { agent, manager } = await aTunnel();
  const piece = Buffer.alloc(64 * 1024);
  let written = 0;
  const gone = closed(agent);
  const writing = (async () => {
    for (; written < 1_000 && !agent.destroyed; written++)
      if (!agent.write(piece)) await Promise.race([once(agent, 'drain'), gone]);
  })().catch(() => undefined);
  let before = -1;
  while (before !== written) {
    before = written;
    await sleep(200);
  }
  expect(written).toBeLessThan(100);
  manager.resume();
  await writing;
  expect(written).toBe(1_000);
  agent.destroy();
});

it('tells the other side why it broke off', async () => {
  const { agent, manager } = await aTunnel();
  agent.destroy(new TunnelBroken(404, 'No such container: x'));
  await closed(manager);
  expect(manager.errored).toMatchObject({ status: 404, message: 'No such container: x' });
});

it('ends on both sides, whoever leaves and whenever', async () => {
  const leaving = fc.constantFrom('cancel', 'agent', 'manager');
  await fc.assert(
    fc.asyncProperty(way, leaving, fc.nat(5), async (up, who, afterMs) => {
      const { agent, manager, cancel } = await aTunnel();
      write(agent, up.parts).catch(() => undefined);
      manager.on('data', () => undefined);
      await sleep(afterMs);
      if (who === 'cancel') cancel();
      else (who === 'agent' ? agent : manager).destroy(new TunnelBroken(503, 'enough'));
      await Promise.all([closed(agent), closed(manager)]);
    }),
    { numRuns: 30 },
  );
}, 30_000);
