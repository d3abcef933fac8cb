import { Agent } from 'node:http';
import { type HttpOptions, http, httpJson, say, TestbedError, until } from '../../machine/index.ts';
import { report } from '../measure/index.ts';
import type { ManagerProcess } from '../restart/index.ts';
import type { HostProcess } from './host-processes.ts';
import { cpuSecondsOf } from './process-use.ts';

/** Tasks of a service. */
export const replicas = 50;
/** Hosts that a network has part of, at most: what each of them must know grows with its square. */
const meshHosts = 1_000;
/** Hosts that die together; never so many that the manager doubts itself instead. */
const lostHosts = 50;
/** For each of the greater steps, with 5,000 hosts on a machine of two cores. */
const patienceMs = 600_000;

export interface Size {
  readonly agents: number;
  readonly tasks: number;
}

export interface ApiNode {
  readonly ID: string;
  readonly Description: { readonly Hostname: string };
  readonly Status: { readonly Addr: string; readonly State: string };
}

/** The manager and all its hollow hosts. */
export class Cluster {
  readonly size: Size;
  readonly manager: ManagerProcess;
  readonly hosts: HostProcess[] = [];
  /** Hosts of the wide network at first, so that there is room for more. */
  readonly mesh: number;
  /** Hosts that will die: the first ones. */
  readonly doomed: number;
  /** Tasks that should run. */
  expected = 0;
  goalsMet = true;
  readonly #kept = new Agent({ keepAlive: true });

  constructor(size: Size, manager: ManagerProcess) {
    this.size = size;
    this.manager = manager;
    this.mesh = Math.min(meshHosts, Math.floor(size.agents * 0.8));
    this.doomed = Math.min(lostHosts, Math.floor(size.agents / 10));
  }

  /** Makes a service; its tasks are counted as expected. */
  async create(name: string, Replicas: number, spec: object = {}): Promise<void> {
    const TaskTemplate = { ContainerSpec: { Image: 'hollow:1' } };
    await this.post('/services/create', {
      Name: name,
      TaskTemplate,
      Mode: { Replicated: { Replicas } },
      ...spec,
    });
    this.expected += Replicas;
  }

  /** One task more. */
  async grow(name: string): Promise<void> {
    const { ID, Spec, Version } = await this.json<{
      ID: string;
      Spec: { Mode: { Replicated: { Replicas: number } } };
      Version: { Index: number };
    }>(`/services/${name}`);
    const Mode = { Replicated: { Replicas: Spec.Mode.Replicated.Replicas + 1 } };
    await this.post(`/services/${ID}/update?version=${Version.Index}`, { ...Spec, Mode });
    this.expected++;
  }

  nodes(filters: object = {}): Promise<ApiNode[]> {
    return this.json<ApiNode[]>(`/nodes?filters=${encodeURIComponent(JSON.stringify(filters))}`);
  }

  async post(path: string, body: object): Promise<void> {
    await this.ask(path, { method: 'POST', body: JSON.stringify(body) });
  }

  /** @throws unless the answer is a success */
  async ask(path: string, options: HttpOptions = {}): Promise<{ body: string; ms: number }> {
    const url = `${this.manager.apiUrl}${path}`;
    const answer = await http(url, { agent: this.#kept, timeoutMs: 60_000, ...options });
    if (answer.status < 300) return answer;
    throw new TestbedError(`${options.method ?? 'GET'} ${path} answered ${answer.status}: ${answer.body}`);
  }

  json<T>(path: string): Promise<T> {
    return httpJson<T>(`${this.manager.apiUrl}${path}`, { agent: this.#kept, timeoutMs: 60_000 });
  }

  /** Waits until the hosts together have `goal` of something. */
  async reach(goal: number, what: string, of: (hosts: HostProcess) => number): Promise<void> {
    let said = performance.now();
    await until(
      `${goal} ${what}`,
      (seen) => {
        this.checkProcesses();
        const sum = this.hosts.reduce((total, each) => total + of(each), 0);
        seen(`${sum}`);
        if (performance.now() - said >= 5_000) {
          say(`${sum} of ${goal} ${what}`);
          said = performance.now();
        }
        return sum >= goal;
      },
      { timeoutMs: patienceMs, everyMs: 20 },
    );
  }

  allRun(): Promise<void> {
    return this.reach(this.expected, 'tasks run', ({ running }) => running);
  }

  /** @throws when a process that should live does not */
  checkProcesses(): void {
    if (this.manager.ended || this.hosts.some(({ dead, ended }) => ended && !dead))
      throw new TestbedError('A process of the bench has ended; see above.');
  }

  /** Seconds of the clock, and of the manager's CPU, that `work` takes. */
  async timed(work: () => Promise<void>): Promise<{ s: number; cpuS: number }> {
    const [from, cpuFrom] = [performance.now(), cpuSecondsOf(this.manager.pid)];
    await work();
    return { s: (performance.now() - from) / 1_000, cpuS: cpuSecondsOf(this.manager.pid) - cpuFrom };
  }

  report(name: string, value: number, unit: string, goal?: number): void {
    const isMet = report('scale', name, value, unit, goal === undefined ? {} : { goal });
    this.goalsMet &&= isMet;
  }

  async kill(): Promise<void> {
    await Promise.all([...this.hosts.map((each) => each.kill()), this.manager.kill()]);
  }
}

export const tasksPath = (service: string): string =>
  `/tasks?filters=${encodeURIComponent(JSON.stringify({ service: [service] }))}`;
