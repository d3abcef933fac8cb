import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { http, ROOT } from '../../machine/index.ts';

/** A manager on this machine, outside any host: the bundle of `npm run build`, with its state in `folder`. */
export class ManagerProcess {
  readonly apiUrl: string;
  /** HOST:PORT. */
  readonly agentAddress: string;
  readonly logFile: string;
  readonly #args: readonly string[];
  readonly #log: number;
  #child: ChildProcess | undefined;

  private constructor(folder: string, apiPort: number, agentPort: number) {
    this.apiUrl = `http://127.0.0.1:${apiPort}`;
    this.agentAddress = `127.0.0.1:${agentPort}`;
    this.logFile = join(folder, 'manager.log');
    this.#log = openSync(this.logFile, 'a');
    this.#args = [
      join(ROOT, 'dist/manager/main.mjs'),
      ...['--state-dir', join(folder, 'state')],
      ...['--api', `http://127.0.0.1:${apiPort}`],
      ...['--agent-listen', this.agentAddress],
    ];
  }

  static async prepare(folder: string): Promise<ManagerProcess> {
    const [apiPort, agentPort] = await Promise.all([freePort(), freePort()]);
    return new ManagerProcess(folder, apiPort, agentPort);
  }

  start(): void {
    this.#child = spawn(process.execPath, this.#args, { stdio: ['ignore', this.#log, this.#log] });
  }

  /** That of workers, once it answers. */
  async joinToken(): Promise<string> {
    const { body } = await http(`${this.apiUrl}/swarm`);
    return JSON.parse(body).JoinTokens.Worker;
  }

  get pid(): number {
    return this.#child?.pid ?? Number.NaN;
  }

  /** It ended by itself. */
  get ended(): boolean {
    return this.#child?.exitCode != null || this.#child?.signalCode != null;
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}
