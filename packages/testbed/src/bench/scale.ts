import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildAll } from '../../../../scripts/build.ts';
import { type HttpOptions, http, httpJson, say, step, TestbedError, until } from '../machine/index.ts';
import { report } from './measure/index.ts';
import { freePort, ManagerProcess } from './restart/index.ts';
import { coresOf, HostProcess, memoryOf, type Received } from './scale/index.ts';

/**
 * One manager with very many hosts and tasks. The manager is the real process with its state on disk; the hosts are
 * hollow, in a few processes: the agents' real sessions and tasks over real gRPC, on Docker daemons that are maps.
 */
const replicas = 50;
/** Hosts that a network has part of, at most: what each of them must know grows with its square. */
const meshHosts = 1_000;
/** Hosts that die together; never so many that the manager doubts itself instead. */
const lostHosts = 50;
const hostsPerProcess = 1_250;
const requests = 100;
const creations = 20;
const changes = 5;
const idleSeconds = 10;
/** For each of the greater steps, with 5,000 hosts on a machine of two cores. */
const patience = { timeoutMs: 600_000 };

interface Size {
  readonly agents: number;
  readonly tasks: number;
}

export default async function scale(args: readonly string[]): Promise<boolean> {
  const size = sizeIn(args);
  checkLimits(size);
  await step('bundling the manager', () => buildAll(say));
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-scale-'));
  const manager = await ManagerProcess.prepare(folder);
  const hosts: HostProcess[] = [];
  const kill = () => {
    for (const each of hosts) void each.kill();
    void manager.kill();
  };
  process.once('exit', kill);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  try {
    manager.start();
    await until('the manager answers', () => answers(manager), { timeoutMs: 30_000 });
    return await new Bench(size, manager, hosts).run();
  } finally {
    process.off('exit', kill);
    await Promise.all(hosts.map((each) => each.kill()));
    await manager.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizeIn(args: readonly string[]): Size {
  const { values } = parseArgs({
    args: [...args],
    options: {
      agents: { type: 'string', default: '1000' },
      tasks: { type: 'string' },
    },
  });
  const agents = Number(values.agents);
  if (!Number.isInteger(agents) || agents < 20 || agents > 20_000)
    throw new TestbedError(`--agents takes a number from 20 to 20,000, not ${values.agents}.`);
  const tasks = Number(values.tasks ?? agents * 30);
  if (!Number.isInteger(tasks) || tasks < agents * 2 || tasks > agents * 100)
    throw new TestbedError(`--tasks takes a number from 2 to 100 for each agent, not ${values.tasks}.`);
  return { agents, tasks };
}

/** Each process needs a file for each of its connections; Node takes all that the hard limit allows. */
function checkLimits({ agents }: Size): void {
  const most = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (most !== undefined && Number(most) < agents + 1_000)
    throw new TestbedError(`${agents} agents need ${agents + 1_000} open files; ulimit -Hn says ${most}.`);
}

class Bench {
  readonly #size: Size;
  readonly #manager: ManagerProcess;
  readonly #hosts: HostProcess[];
  readonly #results: boolean[] = [];
  readonly #kept = new Agent({ keepAlive: true });
  /** Hosts of the wide network at first, so that there is room for more. */
  readonly #mesh: number;
  readonly #lost: number;

  constructor(size: Size, manager: ManagerProcess, hosts: HostProcess[]) {
    this.#size = size;
    this.#manager = manager;
    this.#hosts = hosts;
    this.#mesh = Math.min(meshHosts, Math.floor(size.agents * 0.8));
    this.#lost = Math.min(lostHosts, Math.floor(size.agents / 10));
  }

  async run(): Promise<boolean> {
    await this.#connect();
    await this.#fill();
    await this.#idle();
    await this.#api();
    await this.#endpointChange();
    await this.#sliceChange();
    await this.#lose();
    const { most } = memoryOf(this.#manager.pid);
    this.#report('memory of the manager, at most', most / 2 ** 20, 'MiB');
    return this.#results.every(Boolean);
  }

  async #connect(): Promise<void> {
    const { agents } = this.#size;
    const from = performance.now();
    const probePort = await freePort();
    const joinToken = await this.#manager.joinToken();
    const start = { manager: this.#manager.agentAddress, joinToken, probePort };
    const living = agents - this.#lost;
    const processes = Math.max(2, Math.ceil(living / hostsPerProcess));
    this.#hosts.push(new HostProcess({ ...start, first: 1, count: this.#lost }, true));
    for (let n = 0; n < processes; n++) {
      const first = Math.floor((living * n) / processes);
      const count = Math.floor((living * (n + 1)) / processes) - first;
      this.#hosts.push(new HostProcess({ ...start, first: this.#lost + 1 + first, count }, false));
    }
    await this.#progress('agents are connected', agents, ({ connected }) => connected);
    this.#report(`${agents} agents connected`, (performance.now() - from) / 1_000, 's');
  }

  async #fill(): Promise<void> {
    const { tasks } = this.#size;
    const from = performance.now();
    await this.#post('/networks/create', {
      Name: 'mesh',
      Driver: 'overlay',
      IPAM: { Config: [{ Subnet: '10.96.0.0/12' }] },
    });
    await this.#create('mesh', this.#mesh, {
      TaskTemplate: { ContainerSpec: { Image: 'hollow:1' }, Networks: [{ Target: 'mesh' }] },
    });
    await this.#create('web', replicas, {
      EndpointSpec: { Ports: [{ TargetPort: 8080, Protocol: 'tcp', PublishMode: 'ingress' }] },
    });
    let left = tasks - this.#mesh - replicas;
    for (let n = 1; left > 0; n++) {
      await this.#create(`service${n}`, Math.min(replicas, left), {});
      left -= replicas;
    }
    say(`services are created after ${((performance.now() - from) / 1_000).toFixed(1)} s`);
    await this.#progress('tasks run', Math.max(tasks, this.#mesh + replicas), ({ running }) => running);
    this.#report(`${tasks} tasks confirmed running`, (performance.now() - from) / 1_000, 's');
  }

  async #idle(): Promise<void> {
    await sleep(5_000);
    const cores = await step(`idle for ${idleSeconds} s`, () => coresOf(this.#manager.pid, idleSeconds));
    this.#report('the manager, idle', cores, 'cores', { goal: 0.3 });
    this.#report('memory of the manager', memoryOf(this.#manager.pid).now / 2 ** 20, 'MiB', { goal: 1_536 });
  }

  async #api(): Promise<void> {
    const paths = {
      'GET /services': () => '/services',
      'GET /tasks of one service': (n: number) => tasksPath(n % 2 ? 'web' : 'service1'),
      'GET /nodes': () => '/nodes',
    };
    for (const [name, path] of Object.entries(paths)) {
      const times: number[] = [];
      let bytes = 0;
      for (let n = 0; n < requests; n++) {
        const { ms, body } = await this.#ask(path(n), { timeoutMs: 60_000 });
        times.push(ms);
        bytes = body.length;
      }
      say(`${name}: ${bytes} bytes`);
      this.#percentiles(name, times, 0.2);
    }
    const times: number[] = [];
    for (let n = 1; n <= creations; n++) {
      const from = performance.now();
      await this.#create(`new${n}`, 1, {});
      await this.#runs(`new${n}`);
      times.push(performance.now() - from);
    }
    this.#percentiles('create, until the first task runs', times, 0.2);
    for (let n = 1; n <= creations; n++) await this.#ask(`/services/new${n}`, { method: 'DELETE' });
    await this.#progress('tasks run', this.#expected, ({ running }) => running);
  }

  get #expected(): number {
    return Math.max(this.#size.tasks, this.#mesh + replicas);
  }

  /** A published service gets one more task: each host has to lead to it. */
  async #endpointChange(): Promise<void> {
    const seen: Received[] = [];
    for (let n = 1; n <= changes; n++) {
      const received = await this.#record(
        () => this.#scale('web', replicas + n),
        ({ endpointReceivers }) => endpointReceivers >= this.#size.agents,
      );
      say(`an endpoint of web: ${JSON.stringify(received)}`);
      seen.push(received);
    }
    const worst = (of: (one: Received) => number) => Math.max(...seen.map(of));
    this.#report(
      `endpoint change, until ${this.#size.agents} agents have it`,
      worst(({ endpointAt, reportedAt }) => endpointAt - reportedAt) / 1_000,
      's',
      { goal: 0.5 },
    );
    this.#report('endpoint change, bytes an agent', worst(({ bytes }) => bytes) / this.#size.agents, 'bytes');
  }

  /** One more host takes part in a wide network: all that do have to hear of its slice. */
  async #sliceChange(): Promise<void> {
    const seen: { received: Received; asked: number; receivers: number }[] = [];
    for (let n = 1; n <= changes; n++) {
      const receivers = this.#mesh + n;
      const asked = performance.timeOrigin + performance.now();
      const received = await this.#record(
        () => this.#scale('mesh', receivers),
        ({ sliceReceivers, endpointReceivers }) =>
          sliceReceivers >= receivers && endpointReceivers >= receivers,
      );
      say(`a slice of mesh: ${JSON.stringify(received)}`);
      seen.push({ received, asked, receivers });
    }
    const worst = (of: (one: (typeof seen)[number]) => number) => Math.max(...seen.map(of));
    this.#report(
      `slice change, from the request until ${this.#mesh} agents have it`,
      worst(({ received, asked }) => received.sliceAt - asked) / 1_000,
      's',
    );
    this.#report(
      'slice change, messages an agent',
      worst(({ received, receivers }) => received.messages / receivers),
      'messages',
      { goal: 5 },
    );
    // With what the host itself is told, which knew nothing of the network: everything.
    this.#report(
      'slice change, bytes an agent',
      worst(({ received, receivers }) => received.bytes / receivers),
      'bytes',
      { goal: 2_000 },
    );
  }

  /** Hosts lose their power, all at once. */
  async #lose(): Promise<void> {
    const [doomed] = this.#hosts;
    if (!doomed) return;
    const nodes =
      await this.#json<
        { ID: string; Description: { Hostname: string }; Status: { Addr: string; State: string } }[]
      >('/nodes');
    // An agent that had to ask twice to join is there twice; only one of the two is alive.
    const lost = nodes.filter(
      ({ Description: { Hostname }, Status }) =>
        Status.State === 'ready' && Number(Hostname.slice('hollow'.length)) <= this.#lost,
    );
    const expected = this.#expected + 2 * changes;
    await this.#progress('tasks run', expected, ({ running }) => running);
    const from = performance.now();
    const sockets = doomed.stopDead(lost.map(({ Status }) => Status.Addr));
    doomed.running = 0;
    let left = lost.map(({ ID }) => ID);
    const verdict = await until(
      `${this.#lost} hosts are down`,
      async (seen) => {
        const path = `/nodes?filters=${encodeURIComponent(JSON.stringify({ id: left }))}`;
        const states = await this.#json<{ ID: string; Status: { State: string } }[]>(path);
        left = states.filter(({ Status }) => Status.State !== 'down').map(({ ID }) => ID);
        seen(`${left.length} are not`);
        return left.length === 0 && performance.now();
      },
      { timeoutMs: 60_000, everyMs: 20 },
    );
    const alive = this.#hosts.filter(({ doomed: gone }) => !gone);
    const replaced = await until(
      'all tasks run elsewhere',
      (seen) => {
        if (alive.some(({ ended }) => ended))
          throw new TestbedError('A process of hosts has ended; see above.');
        const running = alive.reduce((sum, each) => sum + each.running, 0);
        seen(`${running} of ${expected}`);
        return running >= expected && performance.now();
      },
      { timeoutMs: 120_000, everyMs: 20 },
    );
    for (const socket of sockets) socket.destroy();
    this.#report(`${this.#lost} hosts lost: verdicts`, (verdict - from) / 1_000, 's');
    this.#report(`${this.#lost} hosts lost: replaced after the verdicts`, (replaced - verdict) / 1_000, 's', {
      goal: 5,
    });
    const all = await this.#json<{ Status: { State: string } }[]>('/nodes', { timeoutMs: 60_000 });
    const before = nodes.filter(({ Status }) => Status.State === 'down').length;
    const down = all.filter(({ Status }) => Status.State === 'down').length - before;
    this.#report('false verdicts', down - this.#lost, 'verdicts', { goal: 0 });
  }

  /** What all agents are sent because of `change`, until it is `complete` and half a second longer. */
  async #record(change: () => Promise<void>, complete: (received: Received) => boolean): Promise<Received> {
    await sleep(500);
    for (const each of this.#hosts) each.record();
    await change();
    const parts: Received[] = [];
    await until(
      'all agents have heard of a change',
      async (seen) => {
        parts.push(...(await Promise.all(this.#hosts.map((each) => each.received()))));
        const sum = together(parts);
        seen(sum);
        return complete(sum);
      },
      { timeoutMs: 60_000, everyMs: 500 },
    );
    await sleep(500);
    return together([...parts, ...(await Promise.all(this.#hosts.map((each) => each.received())))]);
  }

  async #progress(what: string, goal: number, of: (hosts: HostProcess) => number): Promise<void> {
    let said = performance.now();
    await until(
      `${goal} ${what}`,
      (seen) => {
        if (this.#manager.ended || this.#hosts.some(({ ended }) => ended))
          throw new TestbedError('A process of the bench has ended; see above.');
        const sum = this.#hosts.reduce((total, each) => total + of(each), 0);
        seen(`${sum}`);
        if (performance.now() - said >= 5_000) {
          say(`${sum} of ${goal} ${what}`);
          said = performance.now();
        }
        return sum >= goal;
      },
      { ...patience, everyMs: 20 },
    );
  }

  async #scale(name: string, Replicas: number): Promise<void> {
    const { Spec, Version } = await this.#json<{ Spec: object; Version: { Index: number } }>(
      `/services/${name}`,
    );
    await this.#post(`/services/${name}/update?version=${Version.Index}`, {
      ...Spec,
      Mode: { Replicated: { Replicas } },
    });
  }

  #create(name: string, Replicas: number, spec: object): Promise<void> {
    return this.#post('/services/create', {
      Name: name,
      TaskTemplate: { ContainerSpec: { Image: 'hollow:1' } },
      Mode: { Replicated: { Replicas } },
      ...spec,
    });
  }

  async #runs(name: string): Promise<void> {
    await until(
      `a task of ${name} runs`,
      async () => {
        const [task] = await this.#json<{ Status: { State: string } }[]>(tasksPath(name));
        return task?.Status.State === 'running';
      },
      { timeoutMs: 30_000, everyMs: 10 },
    );
  }

  async #post(path: string, body: object): Promise<void> {
    await this.#ask(path, { method: 'POST', body: JSON.stringify(body), timeoutMs: 60_000 });
  }

  async #ask(path: string, options: HttpOptions): Promise<{ body: string; ms: number }> {
    const answer = await http(`${this.#manager.apiUrl}${path}`, { agent: this.#kept, ...options });
    if (answer.status < 300) return answer;
    throw new TestbedError(`${options.method ?? 'GET'} ${path} answered ${answer.status}: ${answer.body}`);
  }

  #json<T>(path: string, options: HttpOptions = {}): Promise<T> {
    return httpJson<T>(`${this.#manager.apiUrl}${path}`, {
      agent: this.#kept,
      timeoutMs: 30_000,
      ...options,
    });
  }

  #percentiles(name: string, times: readonly number[], goal: number): void {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (share: number) => (sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN) / 1_000;
    this.#report(`${name}, p50`, at(0.5), 's');
    this.#report(`${name}, p99`, at(0.99), 's', { goal });
  }

  #report(name: string, value: number, unit: string, goal: { goal?: number } = {}): void {
    this.#results.push(report('scale', name, value, unit, goal));
  }
}

const together = (parts: readonly Received[]): Received =>
  parts.reduce((sum, one) => ({
    messages: sum.messages + one.messages,
    bytes: sum.bytes + one.bytes,
    reportedAt: Math.max(sum.reportedAt, one.reportedAt),
    endpointAt: Math.max(sum.endpointAt, one.endpointAt),
    sliceAt: Math.max(sum.sliceAt, one.sliceAt),
    endpointReceivers: sum.endpointReceivers + one.endpointReceivers,
    sliceReceivers: sum.sliceReceivers + one.sliceReceivers,
  }));

const tasksPath = (service: string): string =>
  `/tasks?filters=${encodeURIComponent(JSON.stringify({ service: [service] }))}`;

const answers = async ({ apiUrl }: ManagerProcess): Promise<boolean> =>
  (await http(`${apiUrl}/_ping`, { timeoutMs: 1_000 })).status === 200;
