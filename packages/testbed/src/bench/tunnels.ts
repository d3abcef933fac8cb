import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { say, step } from '../machine/index.ts';
import { median, quantile, report } from './measure/index.ts';
import { type AgentEnd, Child, type ManagerEnd, type Moved } from './tunnels/index.ts';

/**
 * Tunnels at full speed, and what they do to the sessions beside them: the manager's door for agents and the sessions
 * and tunnels of agents, each side in a process of its own, over loopback. What is read comes from an HTTP server
 * behind a socket, as from a Docker daemon. All in turns, so that whatever else the machine does meets each alike.
 */
const rounds = 5;
const roundMs = 2_000;
/** More sessions than the one with the tunnels: each has only two beats a second. All share its process. */
const sessions = 50;
const messageBytes = 64 * 1024;
/** Of what the bare stream moves with a second of CPU. */
const goalShare = 0.9;
/** A beat's answer with tunnels, against one without. */
const goalRatio = 2;

interface Speed {
  readonly perSecond: number;
  /** As fast as the side that has more to do could be, had it a core of its own. */
  readonly perCpuSecond: number;
}

export default async function bench(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-tunnels-'));
  const socket = join(folder, 'docker.sock');
  const daemon = createServer(endless).listen(socket);
  const manager = new Child<ManagerEnd>(join(import.meta.dirname, 'tunnels/manager-end.ts'));
  const agent = new Child<AgentEnd>(join(import.meta.dirname, 'tunnels/agent-end.ts'));
  try {
    const { agents, bare, clear, joinToken } = await manager.ask('listen', undefined);
    await step('connecting', () =>
      agent.ask('connect', { count: sessions, port: agents, joinToken, socket }),
    );
    const speed = async (work: () => Promise<Moved>): Promise<Speed> => {
      const before = await Promise.all([manager.ask('cpu', undefined), agent.ask('cpu', undefined)]);
      const { bytes, seconds } = await work();
      const after = await Promise.all([manager.ask('cpu', undefined), agent.ask('cpu', undefined)]);
      const busier = Math.max(...after.map((cpu, side) => cpu - (before[side] ?? 0)));
      return { perSecond: bytes / 1e6 / seconds, perCpuSecond: bytes / 1e6 / busier };
    };
    const speeds = { clear: [] as Speed[], bare: [] as Speed[], one: [] as Speed[], four: [] as Speed[] };
    const beats = { idle: [] as number[], bare: [] as number[], four: [] as number[] };
    for (let round = 1; round <= rounds; round++) {
      beats.idle.push(...(await agent.ask('beats', { ms: roundMs })));
      const upload = (port: number, secure: boolean) =>
        agent.ask('bare', { port, secure, size: messageBytes, ms: roundMs });
      const beside = async (what: 'bare' | 'four', work: () => Promise<Moved>) => {
        const during = agent.ask('beats', { ms: roundMs });
        speeds[what].push(await speed(work));
        beats[what].push(...(await during));
      };
      speeds.clear.push(await speed(() => upload(clear, false)));
      await beside('bare', () => upload(bare, true));
      speeds.one.push(await speed(() => manager.ask('read', { tunnels: 1, ms: roundMs })));
      await beside('four', () => manager.ask('read', { tunnels: 4, ms: roundMs }));
      say(`round ${round} of ${rounds}: ${JSON.stringify(speeds)}`);
    }
    const results = (['perSecond', 'perCpuSecond'] as const).flatMap((by) => {
      const of = (all: readonly Speed[]) => median(all.map((each) => each[by]));
      const unit = by === 'perSecond' ? 'MB/s' : 'MB per s of CPU';
      const reference = of(speeds.bare);
      const goal = { goal: goalShare, goalOf: 'ratio', better: 'higher' } as const;
      return [
        report('tunnels', 'bare stream in the clear', of(speeds.clear), unit, { reference }),
        report('tunnels', 'one tunnel', of(speeds.one), unit, { reference }),
        report('tunnels', 'four tunnels', of(speeds.four), unit, {
          reference,
          ...(by === 'perCpuSecond' && goal),
        }),
      ];
    });
    const [p50, p99] = [median(beats.idle), quantile(beats.idle, 0.99)];
    const answer = "a beat's answer beside";
    report('tunnels', `${answer} a bare stream, p50`, median(beats.bare), 'ms', { reference: p50 });
    report('tunnels', `${answer} a bare stream, p99`, quantile(beats.bare, 0.99), 'ms', { reference: p99 });
    report('tunnels', `${answer} four tunnels, p50`, median(beats.four), 'ms', { reference: p50 });
    results.push(
      report('tunnels', `${answer} four tunnels, p99`, quantile(beats.four, 0.99), 'ms', {
        reference: p99,
        goal: goalRatio,
        goalOf: 'ratio',
      }),
    );
    return results.every(Boolean);
  } finally {
    await Promise.all([manager.end(), agent.end()]);
    daemon.closeAllConnections();
    daemon.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A container that never stops to write. */
const endless: RequestListener = (_request, response) => {
  const piece = Buffer.alloc(messageBytes);
  const more = () => {
    while (!response.closed && response.write(piece));
  };
  response.on('drain', more);
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  more();
};
